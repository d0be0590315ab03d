using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>A clock that moves by a step, forwards or back, each time it is read, and by pauses.</summary>
internal sealed class FakeClock : MonotonicClock
{
    private ulong _now = 1_000_000_000;

    /// <summary>How far each reading moves it, in nanoseconds.</summary>
    public long Step { get; set; } = 1;

    /// <summary>How many milliseconds pass in a pause of one.</summary>
    public ulong Speed { get; set; } = 1;

    /// <summary>The same for the next pauses, one value each.</summary>
    public Queue<ulong> NextSpeeds { get; } = new();

    public override ulong Nanoseconds => _now = unchecked(_now + (ulong)Step);

    public override void Relax() => Pass(1);

    public void Pass(uint milliseconds)
    {
        ulong speed = NextSpeeds.TryDequeue(out ulong next) ? next : Speed;
        _now += milliseconds * 1_000_000UL * speed;
    }
}
