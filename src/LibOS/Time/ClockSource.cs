namespace VirtioGuest.LibOS.Time;

/// <summary>Turns timestamp ticks into nanoseconds without a division.</summary>
internal struct ClockSource
{
    // nanoseconds = ticks * multiplier / 2^24: exact to a quarter of a millionth at 4 GHz, and no product of a 32-bit
    // half overflows down to 62.5 MHz.
    private const int Shift = 24;

    private ulong _start;
    private ulong _multiplier;
    private ulong _last;

    /// <summary>The counter's frequency in kHz.</summary>
    public uint Kilohertz { get; private set; }

    /// <summary>Starts the clock at zero.</summary>
    /// <param name="start">The counter's value at time zero.</param>
    /// <param name="kilohertz">Its frequency, at least 62,500.</param>
    public void Initialize(ulong start, uint kilohertz)
    {
        _start = start;
        Kilohertz = kilohertz;
        _multiplier = (1_000_000ul << Shift) / kilohertz;
        _last = 0;
    }

    /// <summary>The time at a value of the counter; never earlier than what was told before.</summary>
    public ulong At(ulong timestamp)
    {
        ulong now = ToNanoseconds(timestamp - _start);
        if (timestamp < _start || now < _last)
        {
            return _last;
        }

        _last = now;
        return now;
    }

    /// <summary>The length of a number of ticks.</summary>
    public readonly ulong ToNanoseconds(ulong ticks) =>
        (((ticks >> 32) * _multiplier) << (32 - Shift)) + (((ticks & 0xFFFF_FFFF) * _multiplier) >> Shift);
}
