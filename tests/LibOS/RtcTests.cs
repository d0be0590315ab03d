using System;
using System.Globalization;
using NUnit.Framework;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed class RtcTests
{
    private readonly byte[] _registers = new byte[128];
    private ConsolePorts _ports = null!;
    private int _index;

    [SetUp]
    public void SetUp()
    {
        Array.Clear(_registers);
        _ports = new ConsolePorts();
        _ports.OnWrite(0x70, value => _index = (int)value & 0x7F).OnRead(0x71, () => _registers[_index]);
        _registers[0x0D] = 0x80;
    }

    [TearDown]
    public void TearDown() => _ports.Dispose();

    private void Set(DateTime time, bool isBinary, bool is24Hours, bool hasCentury)
    {
        byte Encode(int value) => isBinary ? (byte)value : (byte)((value / 10 * 16) + (value % 10));
        int hour = is24Hours ? time.Hour : (time.Hour + 11) % 12 + 1;
        _registers[0] = Encode(time.Second);
        _registers[2] = Encode(time.Minute);
        _registers[4] = (byte)(Encode(hour) | (!is24Hours && time.Hour >= 12 ? 0x80 : 0));
        _registers[7] = Encode(time.Day);
        _registers[8] = Encode(time.Month);
        _registers[9] = Encode(time.Year % 100);
        _registers[0x0A] = 0x26;
        _registers[0x0B] = (byte)((isBinary ? 4 : 0) | (is24Hours ? 2 : 0));
        _registers[0x32] = hasCentury ? Encode(time.Year / 100) : (byte)0;
    }

    private static ulong UnixSeconds(DateTime time) => (ulong)(time - DateTime.UnixEpoch).TotalSeconds;

    [Test]
    public void Every_encoding_gives_the_same_time(
        [Values] bool isBinary,
        [Values] bool is24Hours,
        [Values] bool hasCentury,
        [Values(
            "2026-11-20T12:00:00", "2000-02-29T00:00:00", "2024-12-31T23:59:59", "1999-12-31T12:34:56",
            "2038-01-19T03:14:08", "1970-01-01T00:00:01", "2069-06-30T11:59:59")] string time)
    {
        DateTime expected = DateTime.Parse(time, CultureInfo.InvariantCulture);
        Set(expected, isBinary, is24Hours, hasCentury);
        Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.EqualTo(UnixSeconds(expected)));
    }

    [Test]
    public void Every_day_of_a_century_is_counted_right()
    {
        for (var day = new DateTime(2000, 1, 1); day.Year < 2101; day = day.AddDays(1))
        {
            Set(day, isBinary: false, is24Hours: true, hasCentury: true);
            Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.EqualTo(UnixSeconds(day)), day.ToString("O"));
        }
    }

    [Test]
    public void The_century_register_that_the_firmware_names_is_used()
    {
        Set(new DateTime(2026, 11, 20), false, true, hasCentury: false);
        _registers[0x37] = 0x21;
        Assert.That(RealTimeClock.ReadUnixSeconds(0x37), Is.EqualTo(UnixSeconds(new DateTime(2126, 11, 20))));
    }

    [Test]
    public void A_reading_across_an_update_is_repeated()
    {
        var before = new DateTime(2026, 12, 31, 23, 59, 59);
        Set(before, false, true, true);
        int reads = 0;
        _ports.OnRead(0x71, () =>
        {
            if (++reads == 6)
            {
                Set(before.AddSeconds(1), false, true, true);
            }

            return _registers[_index];
        });
        Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.EqualTo(UnixSeconds(before.AddSeconds(1))));
    }

    [Test]
    public void An_update_in_progress_is_waited_for()
    {
        Set(new DateTime(2026, 11, 20), false, true, true);
        int left = 50;
        _ports.OnRead(0x71, () => _index == 0x0A && left-- > 0 ? 0xA6u : _registers[_index]);
        Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.EqualTo(UnixSeconds(new DateTime(2026, 11, 20))));
        Assert.That(left, Is.LessThanOrEqualTo(0));
    }

    [Test]
    public void An_update_that_never_ends_is_no_clock()
    {
        Set(new DateTime(2026, 11, 20), false, true, true);
        _registers[0x0A] = 0xA6;
        Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.Zero);
        Assert.That(_ports.Reads, Is.LessThan(20_000));
    }

    [Test]
    public void A_clock_that_never_reads_alike_is_no_clock()
    {
        Set(new DateTime(2026, 11, 20), false, true, true);
        byte second = 0;
        _ports.OnRead(0x71, () => _index == 0 ? second++ % 10u : _registers[_index]);
        Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.Zero);
    }

    [Test]
    public void Without_a_clock_there_is_no_time([Values(0, 1, 2)] int noDevice)
    {
        using var ports = new ConsolePorts((ConsolePorts.NoDevice)noDevice);
        Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.Zero);
    }

    [TestCase(0, 0x60)]
    [TestCase(0, 0x0A)]
    [TestCase(2, 0x60)]
    [TestCase(4, 0x24)]
    [TestCase(7, 0x00)]
    [TestCase(7, 0x31)]
    [TestCase(8, 0x00)]
    [TestCase(8, 0x13)]
    [TestCase(9, 0xA0)]
    [TestCase(0x0D, 0x00)]
    public void A_register_out_of_range_is_no_time(int register, int value)
    {
        Set(new DateTime(2026, 11, 20, 12, 0, 0), false, true, true);
        _registers[register] = (byte)value;
        Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.Zero);
    }

    [TestCase(0x24)]
    [TestCase(0x80)]
    [TestCase(0x93)]
    public void A_twelve_hour_clock_has_no_such_hour(int hour)
    {
        Set(new DateTime(2026, 11, 20, 12, 0, 0), false, false, true);
        _registers[4] = (byte)hour;
        Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.Zero);
    }

    [Test]
    public void A_clock_that_counts_to_23_is_understood_although_it_says_twelve_hours()
    {
        for (int hour = 0; hour < 24; hour++)
        {
            var time = new DateTime(2026, 11, 20, hour, 30, 0);
            Set(time, isBinary: false, is24Hours: true, hasCentury: true);
            _registers[0x0B] = 0;
            DateTime expected = hour == 12 ? time.AddHours(-12) : time;
            Assert.That(RealTimeClock.ReadUnixSeconds(0), Is.EqualTo(UnixSeconds(expected)), $"{hour} o'clock");
        }
    }
}
