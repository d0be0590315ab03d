using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;

namespace VirtioGuest.LibOS.Time;

/// <summary>
/// Measures the timestamp counter against the 8254's channel 2, against the ACPI timer, or against a local APIC's timer
/// whose frequency is known.
/// </summary>
/// <remarks>
/// Both ends of the interval are read several times, and the reading that took the fewest ticks is kept: a short pause
/// of the host then spoils a reading, not the result. A long one lets the timer wrap around unseen, so a result counts
/// only when a second measurement agrees.
/// </remarks>
internal static unsafe class TimestampCalibration
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

    // A reading takes a microsecond or more, in which each of the timers counts at least once.
    private const uint StillLimit = 1_000;

    // Slower than any 64-bit processor, and faster than any.
    private const ulong LowestKilohertz = 62_500;
    private const ulong HighestKilohertz = 20_000_000;

    /// <summary>Measures for about 10 ms.</summary>
    /// <param name="acpiTimerPort">The ACPI timer's port, or 0 where there is none.</param>
    /// <param name="apic">The local APIC, in use or not.</param>
    /// <param name="apicHertz">How often its timer counts in a second, or 0 where that is not known.</param>
    /// <returns>The frequency in kHz, or 0 when nothing could be measured.</returns>
    public static uint Measure(ushort acpiTimerPort, LocalApic* apic, uint apicHertz)
    {
        uint kilohertz = Measure(new Reference { Hertz = TimerHertz, Mask = 0xFFFF });
        if (kilohertz == 0 && acpiTimerPort != 0)
        {
            kilohertz = Measure(new Reference { Hertz = AcpiHertz, Mask = AcpiMask, AcpiPort = acpiTimerPort });
        }

        if (kilohertz == 0 && apic->IsPresent && apicHertz != 0)
        {
            kilohertz = Measure(new Reference { Hertz = apicHertz, Mask = uint.MaxValue, Apic = apic });
        }

        return kilohertz;
    }

    /// <summary>
    /// A measured frequency in kHz, or 0 where no processor has it: what it was measured against is no timer then.
    /// </summary>
    public static uint Plausible(ulong kilohertz) =>
        kilohertz is >= LowestKilohertz and <= HighestKilohertz ? (uint)kilohertz : 0;

    private static uint Measure(Reference reference)
    {
        uint previous = 0;
        for (int attempt = 0; attempt < Attempts; attempt++)
        {
            uint kilohertz = MeasureOnce(reference, out bool isStill);
            if (isStill || (kilohertz != 0 && Agree(kilohertz, previous)))
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

    private static uint MeasureOnce(Reference reference, out bool isStill)
    {
        byte speaker = reference.Start();
        var interval = (uint)((ulong)reference.Hertz * IntervalMicroseconds / 1_000_000);
        ulong start = reference.Read(out uint startCount);
        uint passed = 0;
        isStill = false;
        for (uint i = 0; passed < interval; i++)
        {
            isStill = i >= StillLimit && passed == 0;
            if (i == ReadingLimit || isStill)
            {
                reference.Stop(speaker);
                return 0;
            }

            passed = (reference.Count - startCount) & reference.Mask;
        }

        ulong end = reference.Read(out uint endCount);
        reference.Stop(speaker);
        return Frequency(end - start, (endCount - startCount) & reference.Mask, reference.Hertz);
    }

    private static uint Frequency(ulong ticks, ulong counts, ulong hertz)
    {
        if (counts == 0)
        {
            return 0;
        }

        return Plausible(ticks * hertz / counts / 1000);
    }

    /// <summary>A timer of known frequency: the 8254, unless one of the others is named.</summary>
    private struct Reference
    {
        public uint Hertz;

        /// <summary>The bits that it counts in.</summary>
        public uint Mask;

        public ushort AcpiPort;
        public LocalApic* Apic;

        // Bits 2 and 3 of port 61h are somebody else's settings; 4 to 7 can only be read, and are written as 0.
        private const byte SpeakerSettings = 0x0C;
        private const byte SpeakerGate = 1;

        /// <summary>What it shows, counted upwards.</summary>
        public readonly uint Count => Apic != null ? Apic->Counted
            : AcpiPort != 0 ? Processor.In32(AcpiPort) & AcpiMask : ReadCount();

        /// <summary>Lets it count; returns what <see cref="Stop"/> needs.</summary>
        public readonly byte Start()
        {
            if (Apic != null)
            {
                Apic->StartCount();
                return 0;
            }

            if (AcpiPort != 0)
            {
                return 0;
            }

            // Gate on, speaker off; count down from 65535 once.
            byte before = Processor.In8(SpeakerControl);
            Processor.Out8(SpeakerControl, (byte)((before & SpeakerSettings) | SpeakerGate));
            Processor.Out8(TimerCommand, 0xB0);
            Processor.Out8(TimerChannel2, 0xFF);
            Processor.Out8(TimerChannel2, 0xFF);
            return before;
        }

        /// <summary>Puts back what <see cref="Start"/> changed.</summary>
        public readonly void Stop(byte speaker)
        {
            if (Apic == null && AcpiPort == 0)
            {
                Processor.Out8(SpeakerControl, (byte)(speaker & (SpeakerSettings | SpeakerGate)));
            }
        }

        /// <summary>Reads the timestamp counter and, at the same moment, the timer.</summary>
        /// <param name="count">What the timer shows.</param>
        public readonly ulong Read(out uint count)
        {
            ulong shortest = ulong.MaxValue;
            ulong timestamp = 0;
            count = 0;
            for (int i = 0; i < Readings; i++)
            {
                ulong before = Processor.ReadTimestamp();
                uint value = Count;
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
            Processor.Out8(TimerCommand, 0x80);         // latch channel 2
            uint low = Processor.In8(TimerChannel2);
            uint count = low | ((uint)Processor.In8(TimerChannel2) << 8);
            return 0xFFFF - count;
        }
    }
}

/// <summary>What is known of a virtual machine's time by the name of its monitor alone.</summary>
internal static unsafe class HypervisorClock
{
    private const uint IsGuest = 1u << 31;
    private const uint FirstLeaf = 0x4000_0000;

    // The names in EBX, ECX and EDX of leaf 0x40000000; a word of each is enough.
    private const uint KvmName = 0x4B4D_564B; // "KVMK"
    private const uint TcgName = 0x5447_4354; // "TCGT"

    // QEMU and KVM count the local APIC's timer in nanoseconds before the divider.
    private const uint Nanoseconds = 1_000_000_000;

    /// <summary>How often the local APIC's timer counts in a second, undivided; 0 where that is not known.</summary>
    public static uint ApicTimerHertz
    {
        get
        {
            uint* r = stackalloc uint[4];
            Processor.CpuId(1, 0, r);
            if ((r[2] & IsGuest) == 0)
            {
                return 0;
            }

            Processor.CpuId(FirstLeaf, 0, r);
            return r[1] is KvmName or TcgName ? Nanoseconds : 0;
        }
    }
}
