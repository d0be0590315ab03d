namespace VirtioGuest.Simulation;

/// <summary>
/// A notification between processors of a <see cref="WeakMemory"/>: a message-signalled interrupt, or a write to a
/// doorbell.
/// </summary>
/// <remarks>
/// It carries along what its sender did before, as a message does that stays behind earlier writes on the bus, and as a
/// trapped register access does. It orders nothing else. Sent twice before it is waited for, it arrives once.
/// </remarks>
public sealed class Signal
{
    private readonly Interleaving _interleaving;

    /// <summary>Creates a signal that was not sent.</summary>
    internal Signal(Interleaving interleaving, int number)
    {
        _interleaving = interleaving;
        Number = number;
    }

    /// <summary>Whether it was sent since the last wait ended.</summary>
    public bool IsSet { get; internal set; }

    /// <summary>Which of the schedule's signals it is.</summary>
    internal int Number { get; }

    /// <summary>Sends it.</summary>
    public void Set() => _interleaving.Send(this);

    /// <summary>Waits until it was sent. A schedule in which nobody can go on has failed.</summary>
    public void Wait() => _interleaving.WaitFor(this);
}
