using System;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Time;

/// <summary>The 8254's channel 0 as a one-shot timer on line 0, for processors without a local APIC.</summary>
internal static class IntervalTimer8254
{
    private const ulong Hertz = 1_193_182;
    private const ulong LongestCount = 0xFFFF;
    private const uint MaximumReadings = 1000;
    private const ushort Channel0 = 0x40;
    private const ushort Command = 0x43;

    /// <summary>Whether there is one: its count goes down.</summary>
    public static bool IsCounting()
    {
        Load(LongestCount);
        uint first = Read();
        for (uint reading = 0; reading < MaximumReadings; reading++)
        {
            if (Read() != first)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Lets line 0 interrupt once, 55 ms from now at the latest.</summary>
    public static void Arm(ulong nanoseconds)
    {
        const ulong longest = LongestCount * 1_000_000_000 / Hertz;
        ulong count = nanoseconds >= longest ? LongestCount : nanoseconds * Hertz / 1_000_000_000;
        Load(Math.Max(count, 1));
    }

    private static void Load(ulong count)
    {
        Processor.Out8(Command, 0x30);                  // mode 0: interrupt on terminal count
        Processor.Out8(Channel0, (byte)count);
        Processor.Out8(Channel0, (byte)(count >> 8));
    }

    private static uint Read()
    {
        Processor.Out8(Command, 0x00);                  // latch channel 0
        uint low = Processor.In8(Channel0);
        return low | ((uint)Processor.In8(Channel0) << 8);
    }
}
