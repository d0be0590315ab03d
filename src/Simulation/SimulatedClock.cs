using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>Time that passes when a test says so, and a little whenever somebody waits.</summary>
public sealed class SimulatedClock : MonotonicClock
{
    private ulong _now = 1000;

    /// <inheritdoc/>
    public override ulong Nanoseconds => _now;

    /// <summary>How many nanoseconds pass while somebody waits; 0 for a clock that only the test moves.</summary>
    public ulong RelaxStep { get; set; } = 1000;

    /// <summary>How often somebody has waited.</summary>
    public ulong Waits { get; private set; }

    /// <summary>Lets time pass.</summary>
    public void Advance(ulong nanoseconds) => _now += nanoseconds;

    /// <inheritdoc/>
    public override void Relax()
    {
        Waits++;
        _now += RelaxStep;
    }
}
