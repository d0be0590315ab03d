using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Tests.Models;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
[NonParallelizable]
internal sealed unsafe class TimestampCalibrationTests
{
    private const ushort AcpiTimerPort = 0x608;

    [TearDown]
    public void RestoreProcessor()
    {
        Processor.Ports = new FakePorts();
        Processor.TimestampStep = 1;
    }

    [TestCase(1_000_000u)]
    [TestCase(2_600_000u)]
    [TestCase(5_000_000u)]
    public void The_8254_gives_the_frequency(uint kilohertz)
    {
        Start(new TimerPorts(kilohertz));

        Assert.That(Measure(0), Is.EqualTo(kilohertz).Within(kilohertz / 500));
    }

    [Test]
    public void The_ACPI_timer_gives_it_where_the_8254_does_not_count()
    {
        Start(new TimerPorts(2_000_000) { Has8254 = false });

        Assert.That(Measure(AcpiTimerPort), Is.EqualTo(2_000_000).Within(4_000));
    }

    [Test]
    public void Nothing_that_counts_gives_nothing_after_a_bounded_time()
    {
        Start(new TimerPorts(2_000_000) { Has8254 = false, HasAcpi = false });

        Assert.That(Measure(AcpiTimerPort), Is.Zero);
    }

    [TestCase(20)]
    [TestCase(57)]
    [TestCase(60)]
    [TestCase(112)]
    public void A_pause_of_the_host_does_not_spoil_the_result(int milliseconds)
    {
        for (int read = 4; read < 400; read += 11)
        {
            Start(new TimerPorts(2_000_000) { PauseAtRead = read, PauseMilliseconds = milliseconds });

            uint kilohertz = Measure(0);

            Assert.That(kilohertz, Is.EqualTo(2_000_000).Within(20_000), $"paused at read {read}");
        }
    }

    [Test]
    public void A_local_APIC_of_known_frequency_gives_it_where_no_other_timer_counts()
    {
        Start(new TimerPorts(2_000_000) { Has8254 = false, HasAcpi = false });
        var model = new LocalApicModel { TicksPerCount = 2 };
        try
        {
            var apic = default(LocalApic);
            apic.Initialize(DeviceRegisters.Place(0xFEE0_0000, model));
            Processor.TimestampStep = 100;

            Assert.That(
                TimestampCalibration.Measure(AcpiTimerPort, &apic, 1_000_000_000),
                Is.EqualTo(2_000_000).Within(4_000));
            Assert.That(TimestampCalibration.Measure(AcpiTimerPort, &apic, 0), Is.Zero, "its frequency is not known");
            Assert.That(model[0x320] & 0x1_0000, Is.Not.Zero, "and it does not interrupt");
        }
        finally
        {
            DeviceRegisters.Clear();
        }
    }

    [Test]
    public void A_timer_that_does_not_count_costs_little_time()
    {
        var ports = new TimerPorts(2_000_000) { Has8254 = false, HasAcpi = false };
        Start(ports);
        Measure(AcpiTimerPort);

        // In a virtual machine each is an exit.
        Assert.That(ports.Accesses, Is.LessThan(10_000));
    }

    [Test]
    public void Port_61_is_left_as_it_was_found_and_its_read_only_bits_are_not_written()
    {
        var ports = new TimerPorts(2_000_000) { Speaker = 0x3D };
        Start(ports);
        Measure(0);

        Assert.That(ports.SpeakerWrites, Is.All.Matches<uint>(value => (value & 0xF0) == 0));
        Assert.That(ports.SpeakerWrites[^1], Is.EqualTo(0x0D));
    }

    private static uint Measure(ushort acpiPort)
    {
        var absent = default(LocalApic);
        return TimestampCalibration.Measure(acpiPort, &absent, 0);
    }

    private static void Start(TimerPorts ports)
    {
        Processor.Timestamp = 1_000_000;
        Processor.TimestampStep = 100;
        Processor.Ports = ports;
    }

    /// <summary>
    /// An 8254 and an ACPI timer that count with the processor's timestamp; a port access takes 2 us.
    /// </summary>
    private sealed class TimerPorts : FakePorts
    {
        private readonly ulong _kilohertz;
        private ulong _loadedAt;
        private uint _latch;
        private bool _isHighNext;
        private int _reads;

        public TimerPorts(uint kilohertz)
        {
            _kilohertz = kilohertz;
        }

        public bool Has8254 { get; init; } = true;

        public bool HasAcpi { get; init; } = true;

        public byte Speaker { get; init; }

        public List<uint> SpeakerWrites { get; } = [];

        public int Accesses { get; private set; }

        public int PauseAtRead { get; init; } = -1;

        public int PauseMilliseconds { get; init; }

        public override uint Read(ushort port, int bytes)
        {
            Pass();
            switch (port)
            {
                case 0x42 when Has8254:
                    _isHighNext = !_isHighNext;
                    return _isHighNext ? _latch & 0xFF : _latch >> 8;
                case AcpiTimerPort when HasAcpi:
                    return (uint)(Counts(3_579_545) & 0xFF_FFFF);
                case 0x42:
                case AcpiTimerPort:
                    return 0xFF;
                case 0x61:
                    return Speaker;
                default:
                    return 0;
            }
        }

        public override void Write(ushort port, int bytes, uint value)
        {
            Pass();
            if (port == 0x42)
            {
                _loadedAt = Counts(1_193_182);
            }
            else if (port == 0x61)
            {
                SpeakerWrites.Add(value);
            }
            else if (port == 0x43 && value == 0x80)
            {
                _latch = (uint)(0xFFFF - (Counts(1_193_182) - _loadedAt)) & 0xFFFF;
                _isHighNext = false;
            }
        }

        private ulong Counts(ulong hertz) => (ulong)((UInt128)Processor.Timestamp * hertz / (_kilohertz * 1000));

        private void Pass()
        {
            Accesses++;
            Processor.Timestamp += 2 * _kilohertz / 1000;
            if (++_reads == PauseAtRead)
            {
                Processor.Timestamp += (ulong)PauseMilliseconds * _kilohertz;
            }
        }
    }
}
