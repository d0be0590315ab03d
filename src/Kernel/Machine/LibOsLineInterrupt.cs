using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

/// <summary>A share in a line of the 8259 pair.</summary>
internal sealed class LibOsLineInterrupt : LineInterrupt
{
    private readonly DriverThread _thread;

    /// <summary>Describes the share.</summary>
    public LibOsLineInterrupt(byte line, DriverThread thread)
        : base(line)
    {
        _thread = thread;
    }

    /// <inheritdoc/>
    public override ulong Count => _thread.Count;

    /// <inheritdoc/>
    public override void Release() => _thread.Release();
}
