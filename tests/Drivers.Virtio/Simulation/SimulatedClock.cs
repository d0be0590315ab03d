using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>Time that passes by a microsecond whenever somebody waits, and when the test says so.</summary>
internal sealed class SimulatedClock : MonotonicClock
{
    private ulong _now = 1000;

    /// <summary>Called whenever somebody looks at the time.</summary>
    public Action? OnLook { get; set; }

    public override ulong Nanoseconds
    {
        get
        {
            OnLook?.Invoke();
            return _now;
        }
    }

    public void Advance(ulong nanoseconds) => _now += nanoseconds;

    public override void Relax() => _now += 1000;
}
