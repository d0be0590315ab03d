using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Time;

/// <summary>Measures the timestamp counter against the 8254's channel 2, or against the ACPI timer.</summary>
/// <remarks>
/// Both ends of the interval are read several times, and the reading that took the fewest ticks is kept: a short pause
/// of the host then spoils a reading, not the result. A long one lets the timer wrap around unseen; so a result counts
/// only when a second measurement agrees.
/// </remarks>
internal static class TimestampCalibration
{
    private const uint TimerHertz = 1_193_182;
    private const ushort TimerChannel2 = 0x42;
    private const ushort TimerCommand = 0x43;
    private const ushort SpeakerControl = 0x61;

    private const uint AcpiHertz = 3_579_545;
    private const uint AcpiMask = 0xFF_FFFF;

    private const int Attempts = 8;
    private const int Readings = 5;

    // Two measurements agree when they differ by less than one part in this.
    private const uint AgreementPart = 100;

    private const uint IntervalMicroseconds = 5_000;
    private const uint ReadingLimit = 2_000_000;

    // Slower than any 64-bit processor, faster than any: outside, the timer that we measured with is not one.
    private const ulong LowestKilohertz = 62_500;
    private const ulong HighestKilohertz = 20_000_000;

    /// <summary>Measures for about 10 ms.</summary>
    /// <param name="acpiTimerPort">The ACPI timer's port, or 0 where there is none.</param>
    /// <returns>The frequency in kHz, or 0 when nothing could be measured.</returns>
    public static uint Measure(ushort acpiTimerPort)
    {
        uint previous = 0;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            uint kilohertz = MeasureByTimer();
            if (kilohertz == 0 && acpiTimerPort != 0)
            {
                kilohertz = MeasureByAcpi(acpiTimerPort);
            }

            if (kilohertz != 0 && Agree(kilohertz, previous))
            {
                return kilohertz;
            }

            previous = kilohertz;
        }

        return previous;
    }

    private static bool Agree(uint first, uint second)
    {
        uint difference = first > second ? first - second : second - first;
        return difference <= first / AgreementPart;
    }

    private static uint MeasureByTimer()
    {
        // Gate on, speaker off; count down from 65536 once.
        Processor.Out8(SpeakerControl, (byte)((Processor.In8(SpeakerControl) & ~2) | 1));
        Processor.Out8(TimerCommand, 0xB0);
        Processor.Out8(TimerChannel2, 0xFF);
        Processor.Out8(TimerChannel2, 0xFF);

        const uint interval = (uint)((ulong)TimerHertz * IntervalMicroseconds / 1_000_000);
        ulong start = Read(0, out uint startCount);
        uint count = startCount;
        for (uint i = 0; startCount - count < interval || startCount < count; i++)
        {
            if (i == ReadingLimit)
            {
                return 0;
            }

            count = ReadCount();
        }

        ulong end = Read(0, out uint endCount);
        return endCount < startCount ? Frequency(end - start, startCount - endCount, TimerHertz) : 0;
    }

    private static uint MeasureByAcpi(ushort port)
    {
        const uint interval = (uint)((ulong)AcpiHertz * IntervalMicroseconds / 1_000_000);
        ulong start = Read(port, out uint startCount);
        for (uint i = 0; ((Processor.In32(port) - startCount) & AcpiMask) < interval; i++)
        {
            if (i == ReadingLimit)
            {
                return 0;
            }
        }

        ulong end = Read(port, out uint endCount);
        return Frequency(end - start, (endCount - startCount) & AcpiMask, AcpiHertz);
    }

    private static uint Frequency(ulong ticks, ulong counts, ulong hertz)
    {
        if (counts == 0)
        {
            return 0;
        }

        ulong kilohertz = ticks * hertz / counts / 1000;
        return kilohertz is >= LowestKilohertz and <= HighestKilohertz ? (uint)kilohertz : 0;
    }

    /// <summary>Reads the timestamp counter and, at the same moment, a timer.</summary>
    /// <param name="acpiPort">The ACPI timer's port, or 0 for the 8254.</param>
    /// <param name="count">What the timer shows.</param>
    private static ulong Read(ushort acpiPort, out uint count)
    {
        ulong shortest = ulong.MaxValue;
        ulong timestamp = 0;
        count = 0;
        for (int i = 0; i < Readings; i++)
        {
            ulong before = Processor.ReadTimestamp();
            uint value = acpiPort == 0 ? ReadCount() : Processor.In32(acpiPort) & AcpiMask;
            ulong after = Processor.ReadTimestamp();
            if (after - before < shortest)
            {
                shortest = after - before;
                timestamp = before;
                count = value;
            }
        }

        return timestamp;
    }

    private static uint ReadCount()
    {
        Processor.Out8(TimerCommand, 0x80);             // latch channel 2
        uint low = Processor.In8(TimerChannel2);
        return low | ((uint)Processor.In8(TimerChannel2) << 8);
    }
}
