using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>A handler's share of a line of <see cref="SimulatedInterrupts"/>.</summary>
internal sealed class SimulatedLine : LineInterrupt
{
    private readonly SimulatedInterrupts _owner;
    private readonly InterruptHandler _handler;
    private ulong _count;

    /// <summary>Describes the share.</summary>
    internal SimulatedLine(SimulatedInterrupts owner, byte line, InterruptHandler handler)
        : base(line)
    {
        _owner = owner;
        _handler = handler;
    }

    /// <inheritdoc/>
    public override ulong Count => _count;

    /// <inheritdoc/>
    public override void Release() => _owner.Detach(this);

    /// <summary>Calls the handler.</summary>
    internal bool Deliver()
    {
        _count++;
        return _handler.OnInterrupt();
    }
}
