using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// The lines of the 8259 pair, shared out to any number of devices. Cosmos has no messages (MSI, MSI-X).
/// </summary>
/// <remarks>
/// Every line can be attached to: where no interrupt can come, <see cref="Poll"/> serves the devices instead.
/// </remarks>
public sealed class InterruptLines : InterruptController
{
    private const int LineCount = 16;

    /// <summary>Stands for numbers that no line has, such as the 0xFF of a function that firmware gave none.</summary>
    private const int Nowhere = LineCount;

    /// <summary>
    /// The lines that PCI functions get on a PC: 3 to 7 and 9 to 11. The others are the timer's, the keyboard's, the
    /// cascade's, the clock's, the mouse's, the coprocessor's and those of the two IDE channels.
    /// </summary>
    private const uint LinesOfFunctions = 0x0EF8;

    private readonly SharedLine[] _lines = new SharedLine[LineCount + 1];

    /// <summary>Describes the lines; nothing is connected yet.</summary>
    internal InterruptLines(Platform platform, TimestampClock clock, DeviceLog log)
    {
        for (int i = 0; i < _lines.Length; i++)
        {
            _lines[i] = new SharedLine(platform, clock, log, (byte)i);
            if ((LinesOfFunctions & (1u << i)) == 0)
            {
                _lines[i].LeaveTo(isForeign: false);
            }
        }
    }

    /// <inheritdoc/>
    public override bool HasMessages => false;

    /// <summary>Leaves a line to a driver of Cosmos' own, before anything is attached to it.</summary>
    /// <remarks>Cosmos calls one handler for each line, and gives no way to ask whose that is.</remarks>
    public void LeaveAlone(byte line) => Find(line).LeaveTo(isForeign: true);

    /// <summary>Whether devices must not raise a line, because no interrupt of theirs would be served.</summary>
    public bool IsPolled(byte line) => Find(line).IsPolled;

    /// <summary>Whether a line is one that was left to somebody else, who may be using it.</summary>
    public bool IsForeign(byte line) => line < LineCount && _lines[line].IsForeign;

    /// <summary>Serves the devices on lines that do not interrupt.</summary>
    public void Poll()
    {
        for (int i = 0; i < _lines.Length; i++)
        {
            _lines[i].Poll();
        }
    }

    /// <inheritdoc/>
    public override MessageInterrupt? AllocateMessage(string name, InterruptHandler handler) => null;

    /// <inheritdoc/>
    public override LineInterrupt? AttachLine(byte line, string name, InterruptHandler handler) =>
        Find(line).Add(line, handler);

    private SharedLine Find(byte line) => _lines[line < LineCount ? line : Nowhere];
}
