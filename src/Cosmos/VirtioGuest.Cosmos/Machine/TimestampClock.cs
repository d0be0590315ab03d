using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>Time by the processor's timestamp, measured once against channel 2 of the 8254.</summary>
/// <remarks>
/// Where the measurement fails, each <see cref="Relax"/> counts as a microsecond, so that deadlines still come.
/// </remarks>
public sealed class TimestampClock : MonotonicClock
{
    private const ushort TimerChannel2 = 0x42;
    private const ushort TimerMode = 0x43;
    private const ushort SystemControl = 0x61;

    /// <summary>The firmware's diagnostic port, of no use any more; a write takes about a microsecond.</summary>
    private const ushort DelayPort = 0x80;

    /// <summary>Channel 2, low byte then high byte, mode 0: the output goes high when the count ends.</summary>
    private const byte Channel2Once = 0xB0;

    private const byte Gate = 1;
    private const byte Speaker = 2;
    private const byte Channel2Output = 0x20;

    /// <summary>10 ms of the 8254's 1,193,182 Hz.</summary>
    private const ushort MeasuredCount = 11932;
    private const uint MeasuredMilliseconds = 10;

    /// <summary>Each look is a port access, so these take a second on a fast machine.</summary>
    private const int MaximumLooks = 2_000_000;

    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private readonly Platform _platform;
    private readonly PortSpace _ports;
    private readonly ulong _start;
    private ulong _waits;

    /// <summary>Measures the rate of the platform's timestamp, which takes 10 ms.</summary>
    public TimestampClock(Platform platform)
    {
        _platform = platform;
        _ports = platform.Ports;
        TicksPerMillisecond = Measure();
        _start = platform.Timestamp;
    }

    /// <summary>The rate of the timestamp; 0 where it could not be measured.</summary>
    public ulong TicksPerMillisecond { get; }

    /// <inheritdoc/>
    public override ulong Nanoseconds
    {
        get
        {
            if (TicksPerMillisecond == 0)
            {
                return _waits * 1000;
            }

            ulong ticks = _platform.Timestamp - _start;
            ulong rest = ticks % TicksPerMillisecond * NanosecondsPerMillisecond / TicksPerMillisecond;
            return (ticks / TicksPerMillisecond * NanosecondsPerMillisecond) + rest;
        }
    }

    /// <inheritdoc/>
    public override void Relax()
    {
        _ports.Write8(DelayPort, 0);
        _waits++;
    }

    private ulong Measure()
    {
        byte control = _ports.Read8(SystemControl);
        _ports.Write8(SystemControl, (byte)((control & ~Speaker) | Gate));
        _ports.Write8(TimerMode, Channel2Once);
        _ports.Write8(TimerChannel2, unchecked((byte)MeasuredCount));
        _ports.Write8(TimerChannel2, (byte)(MeasuredCount >> 8));

        ulong before = _platform.Timestamp;
        int looks = 0;
        while ((_ports.Read8(SystemControl) & Channel2Output) == 0 && looks < MaximumLooks)
        {
            looks++;
        }

        ulong ticks = _platform.Timestamp - before;
        _ports.Write8(SystemControl, control);

        // An output that is high at the first look means that there is no timer.
        return looks == 0 || looks == MaximumLooks ? 0 : ticks / MeasuredMilliseconds;
    }
}
