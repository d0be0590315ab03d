using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>Time that passes by a microsecond whenever somebody waits.</summary>
internal sealed class SimulatedClock : MonotonicClock
{
    private ulong _now = 1000;

    public override ulong Nanoseconds => _now;

    public override void Relax() => _now += 1000;
}
