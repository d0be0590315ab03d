using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>Time that passes by a microsecond whenever somebody waits, and when the test says so.</summary>
internal sealed class SimulatedClock : MonotonicClock
{
    private ulong _now = 1000;

    public override ulong Nanoseconds => _now;

    public void Advance(ulong nanoseconds) => _now += nanoseconds;

    public override void Relax() => _now += 1000;
}
