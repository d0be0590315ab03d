using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>A message of <see cref="SimulatedInterrupts"/>.</summary>
internal sealed class SimulatedMessage : MessageInterrupt
{
    private readonly SimulatedInterrupts _owner;
    private readonly InterruptHandler _handler;
    private ulong _count;

    /// <summary>Describes the message.</summary>
    internal SimulatedMessage(
        SimulatedInterrupts owner, string name, InterruptHandler handler, ulong address, uint data)
        : base(address, data)
    {
        _owner = owner;
        _handler = handler;
        Name = name;
    }

    /// <inheritdoc/>
    public override ulong Count => _count;

    /// <summary>Who it is for.</summary>
    internal string Name { get; }

    /// <summary>Whether it has arrived and its handler was not called yet.</summary>
    internal bool IsPending { get; set; }

    /// <summary>Whether it was given back.</summary>
    internal bool IsReleased { get; private set; }

    /// <inheritdoc/>
    public override void Release()
    {
        if (!IsReleased)
        {
            IsReleased = true;
            _owner.MessagesLeft++;
        }
    }

    /// <summary>Calls the handler once for all arrivals since the last call.</summary>
    internal bool Deliver()
    {
        if (!IsPending || IsReleased)
        {
            return false;
        }

        IsPending = false;
        _count++;
        _handler.OnInterrupt();
        return true;
    }
}
