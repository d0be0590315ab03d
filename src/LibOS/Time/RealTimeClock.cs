using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Time;

/// <summary>The clock in a PC's CMOS memory (Motorola MC146818A), which keeps the time of day in UTC.</summary>
internal static class RealTimeClock
{
    private const ushort IndexPort = 0x70;
    private const ushort DataPort = 0x71;

    private const byte Seconds = 0x00;
    private const byte Minutes = 0x02;
    private const byte Hours = 0x04;
    private const byte DayOfMonth = 0x07;
    private const byte Month = 0x08;
    private const byte Year = 0x09;
    private const byte StatusA = 0x0A;
    private const byte StatusB = 0x0B;
    private const byte StatusD = 0x0D;
    private const byte UsualCentury = 0x32;
    private const byte LastRegister = 0x7F;

    private const byte UpdateInProgress = 0x80;
    private const byte IsBinary = 0x04;
    private const byte Is24Hours = 0x02;
    private const byte IsValid = 0x80;
    private const byte Afternoon = 0x80;

    // An update takes 2 ms at most, and a read of a register a microsecond or more. But a virtual clock ends its update
    // in a thread of the host, which must get a turn between our reads, and may have to wait for it.
    private const uint MaximumPolls = 10_000;
    private const uint PausesPerPoll = 100;
    private const uint MaximumReadings = 8;

    // Two port accesses take half a microsecond at least: a second, several times over.
    private const uint MaximumSecondPolls = 10_000_000;

    /// <summary>Reads the time.</summary>
    /// <param name="centuryRegister">The register that the FADT names for the century; 0 tries the usual one.</param>
    /// <returns>Seconds since 1970-01-01 00:00:00 UTC; 0 where there is no clock, or nothing plausible in it.</returns>
    public static ulong ReadUnixSeconds(byte centuryRegister)
    {
        byte century = centuryRegister == 0 || centuryRegister > LastRegister ? UsualCentury : centuryRegister;
        return KeepsTime() && TryReadTwice(century, out ulong reading)
            ? ToUnixSeconds(reading, ReadRegister(StatusB))
            : 0;
    }

    /// <summary>
    /// Measures the timestamp counter against the clock, for one to two seconds: only where there is nothing else.
    /// </summary>
    /// <returns>The frequency in kHz, or 0 where there is no clock, or it does not run.</returns>
    public static uint MeasureTimestamp()
    {
        return KeepsTime() && TryWaitForSecond(out ulong first) && TryWaitForSecond(out ulong second)
            ? TimestampCalibration.Plausible((second - first) / 1000)
            : 0;
    }

    // Register D has one bit besides zeros: it tells a clock that keeps time from a bus that answers anything.
    private static bool KeepsTime()
    {
        byte valid = ReadRegister(StatusD);
        return (valid & IsValid) != 0 && valid != 0xFF;
    }

    private static bool TryWaitForSecond(out ulong timestamp)
    {
        byte before = ReadRegister(Seconds);
        for (uint poll = 0; poll < MaximumSecondPolls; poll++)
        {
            if (ReadRegister(Seconds) != before)
            {
                timestamp = Processor.ReadTimestamp();
                return true;
            }
        }

        timestamp = 0;
        return false;
    }

    // The registers as read, a byte each: seconds lowest, then minutes, hours, day, month, year, century.
    private static bool TryReadTwice(byte century, out ulong reading)
    {
        reading = 0;
        ulong last = ulong.MaxValue;
        for (uint attempt = 0; attempt < MaximumReadings; attempt++)
        {
            if (!WaitForUpdate())
            {
                return false;
            }

            reading = ReadRegister(Seconds) |
                ((ulong)ReadRegister(Minutes) << 8) |
                ((ulong)ReadRegister(Hours) << 16) |
                ((ulong)ReadRegister(DayOfMonth) << 24) |
                ((ulong)ReadRegister(Month) << 32) |
                ((ulong)ReadRegister(Year) << 40) |
                ((ulong)ReadRegister(century) << 48);
            if (reading == last)
            {
                return true;
            }

            last = reading;
        }

        return false;
    }

    private static bool WaitForUpdate()
    {
        for (uint poll = 0; poll < MaximumPolls; poll++)
        {
            if ((ReadRegister(StatusA) & UpdateInProgress) == 0)
            {
                return true;
            }

            for (uint pause = 0; pause < PausesPerPoll; pause++)
            {
                Processor.Pause();
            }
        }

        return false;
    }

    private static ulong ToUnixSeconds(ulong reading, byte format)
    {
        bool isBinary = (format & IsBinary) != 0;
        uint second = Decode((byte)reading, isBinary);
        uint minute = Decode((byte)(reading >> 8), isBinary);
        uint hour = DecodeHour((byte)(reading >> 16), format);
        uint day = Decode((byte)(reading >> 24), isBinary);
        uint month = Decode((byte)(reading >> 32), isBinary);
        uint year = Decode((byte)(reading >> 40), isBinary);
        uint century = Decode((byte)(reading >> 48), isBinary);
        if (second > 59 || minute > 59 || hour > 23 || year > 99 || month < 1 || month > 12)
        {
            return 0;
        }

        // The century register is a convention, not a standard: without a plausible value, the year is 1970 to 2069.
        bool hasCentury = century >= 19 && century <= 29;
        year += hasCentury ? century * 100 : year < 70 ? 2000U : 1900U;
        if (year < 1970 || day < 1 || day > DaysOf(month, year))
        {
            return 0;
        }

        return ((DaysBefore(year, month) + day - 1) * 24UL + hour) * 3600 + minute * 60 + second;
    }

    private static uint Decode(byte value, bool isBinary)
    {
        if (isBinary)
        {
            return value;
        }

        var tens = (uint)value >> 4;
        uint ones = value & 15U;
        return tens > 9 || ones > 9 ? uint.MaxValue : tens * 10 + ones;
    }

    private static uint DecodeHour(byte value, byte format)
    {
        bool isBinary = (format & IsBinary) != 0;
        if ((format & Is24Hours) != 0)
        {
            return Decode(value, isBinary);
        }

        // kvmtool's clock counts to 23 although register B, which no firmware has set, stands for twelve hours. An hour
        // that cannot be one of those is taken at its word, and only 12 remains midnight.
        uint hour = Decode((byte)(value & ~Afternoon), isBinary);
        bool isAfternoon = (value & Afternoon) != 0;
        if (hour < 1 || hour > 12)
        {
            return isAfternoon ? uint.MaxValue : hour;
        }

        return hour % 12 + (isAfternoon ? 12U : 0U);
    }

    private static bool IsLeap(uint year) => (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    private static uint DaysOf(uint month, uint year)
    {
        if (month == 2)
        {
            return IsLeap(year) ? 29U : 28U;
        }

        return month == 4 || month == 6 || month == 9 || month == 11 ? 30U : 31U;
    }

    private static uint DaysBefore(uint year, uint month)
    {
        uint days = 0;
        for (uint past = 1970; past < year; past++)
        {
            days += IsLeap(past) ? 366U : 365U;
        }

        for (uint past = 1; past < month; past++)
        {
            days += DaysOf(past, year);
        }

        return days;
    }

    private static byte ReadRegister(byte register)
    {
        Processor.Out8(IndexPort, register);
        return Processor.In8(DataPort);
    }
}
