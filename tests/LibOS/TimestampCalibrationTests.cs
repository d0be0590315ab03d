using System;
using NUnit.Framework;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
[NonParallelizable]
internal sealed class TimestampCalibrationTests
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

        Assert.That(TimestampCalibration.Measure(0), Is.EqualTo(kilohertz).Within(kilohertz / 500));
    }

    [Test]
    public void The_ACPI_timer_gives_it_where_the_8254_does_not_count()
    {
        Start(new TimerPorts(2_000_000) { Has8254 = false });

        Assert.That(TimestampCalibration.Measure(AcpiTimerPort), Is.EqualTo(2_000_000).Within(4_000));
    }

    [Test]
    public void Nothing_that_counts_gives_nothing_after_a_bounded_time()
    {
        Start(new TimerPorts(2_000_000) { Has8254 = false, HasAcpi = false });

        Assert.That(TimestampCalibration.Measure(AcpiTimerPort), Is.Zero);
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

            uint kilohertz = TimestampCalibration.Measure(0);

            Assert.That(kilohertz, Is.EqualTo(2_000_000).Within(20_000), $"paused at read {read}");
        }
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
            else if (port == 0x43 && value == 0x80)
            {
                _latch = (uint)(0xFFFF - (Counts(1_193_182) - _loadedAt)) & 0xFFFF;
                _isHighNext = false;
            }
        }

        private ulong Counts(ulong hertz) => (ulong)((UInt128)Processor.Timestamp * hertz / (_kilohertz * 1000));

        private void Pass()
        {
            Processor.Timestamp += 2 * _kilohertz / 1000;
            if (++_reads == PauseAtRead)
            {
                Processor.Timestamp += (ulong)PauseMilliseconds * _kilohertz;
            }
        }
    }
}
