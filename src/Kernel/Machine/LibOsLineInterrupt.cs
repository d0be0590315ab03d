using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

/// <summary>A share in a line.</summary>
internal sealed class LibOsLineInterrupt : LineInterrupt
{
    private readonly DriverThread _thread;

    /// <summary>Describes the share.</summary>
    public LibOsLineInterrupt(byte line, DriverThread thread, bool isPolled)
        : base(line)
    {
        _thread = thread;
        IsPolled = isPolled;
    }

    /// <inheritdoc/>
    public override bool IsPolled { get; }

    /// <inheritdoc/>
    public override ulong Count => _thread.Count;

    /// <inheritdoc/>
    public override void Release() => _thread.Release();
}
