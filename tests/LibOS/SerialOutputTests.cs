using System.Text;
using NUnit.Framework;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed class SerialOutputTests
{
    private const ulong Second = 1_000_000_000;

    private ConsolePorts _ports = null!;
    private ConsoleUart _uart = null!;

    [SetUp]
    public void SetUp()
    {
        _ports = new ConsolePorts();
        _uart = new ConsoleUart(_ports);

        // A nanosecond a tick.
        Processor.Timestamp = 0;
        Processor.TimestampStep = 1;
        Clock.Initialize(0, 1_000_000, 0);
        SerialOutput.Initialize();
    }

    [TearDown]
    public void TearDown()
    {
        _ports.Dispose();
        SerialOutput.Initialize();
        Processor.Timestamp = 0;
        Processor.TimestampStep = 1;
        Clock.Initialize(0, 1_000_000, 0);
    }

    private static void Write(string text)
    {
        foreach (char character in text)
        {
            SerialOutput.Put((byte)character);
        }

        SerialOutput.Move();
    }

    [Test]
    public void What_the_port_takes_leaves_at_once()
    {
        Write("hello");
        Assert.That(_uart.Sent, Is.EqualTo("hello"));
        Assert.That(SerialOutput.NextLook, Is.EqualTo(Clock.Never));
        Assert.That(SerialOutput.IsDrained, Is.True);
    }

    [Test]
    public void What_a_slow_reader_does_not_take_waits()
    {
        _uart.Takes = 0;
        var text = new StringBuilder();
        while (SerialOutput.HasRoom(100))
        {
            string line = new('x', 100);
            text.Append(line);
            Write(line);
        }

        Assert.That(text.Length, Is.GreaterThan(8000));
        Assert.That(_uart.Sent, Is.Empty);
        for (int look = 0; look < 10_000 && !SerialOutput.IsDrained; look++)
        {
            Processor.Timestamp = SerialOutput.NextLook;
            _uart.Takes = 16;
            Assert.That(SerialOutput.Look(), Is.True, "those who wait try again");
        }

        Assert.That(_uart.Sent, Is.EqualTo(text.ToString()));
        Assert.That(SerialOutput.HasRoom(4096), Is.True);
        Assert.That(SerialOutput.HasLost, Is.False);
    }

    [Test]
    public void The_timer_looks_soon_and_then_less_often_while_nothing_moves()
    {
        _uart.Takes = 0;
        Write("x");
        ulong first = SerialOutput.NextLook - Processor.Timestamp;
        ulong last = first;
        for (int look = 0; look < 20; look++)
        {
            Processor.Timestamp = SerialOutput.NextLook;
            SerialOutput.Look();
            last = SerialOutput.NextLook - Processor.Timestamp;
        }

        Assert.That(first, Is.LessThanOrEqualTo(1_000_000));
        Assert.That(last, Is.InRange(40_000_000UL, 50_000_000UL));
    }

    [Test]
    public void A_reader_may_pause_for_an_hour()
    {
        _uart.Takes = 0;
        Write("late");
        Processor.Timestamp = SerialOutput.NextLook + (3600 * Second);
        SerialOutput.Look();
        Assert.That(SerialOutput.IsDrained, Is.False);
        _uart.Takes = int.MaxValue;
        Processor.Timestamp = SerialOutput.NextLook;
        SerialOutput.Look();
        Assert.That(SerialOutput.IsDrained, Is.True);
        Assert.That(_uart.Sent, Is.EqualTo("late"));
        Assert.That(SerialOutput.HasLost, Is.False);
    }

    [Test]
    public void Output_has_not_left_while_the_last_byte_is_on_its_way()
    {
        _uart.IsIdle = false;
        Write("x");
        Assert.That(_uart.Sent, Is.EqualTo("x"));
        Assert.That(SerialOutput.IsDrained, Is.False);
        Assert.That(SerialOutput.NextLook, Is.Not.EqualTo(Clock.Never), "somebody waits for it");
        _uart.IsIdle = true;
        Processor.Timestamp = SerialOutput.NextLook;
        Assert.That(SerialOutput.Look(), Is.True);
        Assert.That(SerialOutput.IsDrained, Is.True);
        Assert.That(SerialOutput.NextLook, Is.EqualTo(Clock.Never));
    }

    [Test]
    public void A_port_that_was_never_ready_is_given_up_and_that_is_no_success()
    {
        _uart.IsMoving = false;
        SerialOutput.Initialize();
        Write("nobody sees this");
        Assert.That(SerialOutput.IsDrained, Is.False);
        Processor.Timestamp = SerialOutput.NextLook;
        SerialOutput.Look();
        Processor.Timestamp += SerialOutput.Patience - Second;
        SerialOutput.Look();
        Assert.That(Uart16550.IsPresent, Is.True);
        Processor.Timestamp += 2 * Second;
        Assert.That(SerialOutput.Look(), Is.True);
        Assert.That(Uart16550.IsPresent, Is.False);
        Assert.That(SerialOutput.IsDrained, Is.True);
        Assert.That(SerialOutput.HasLost, Is.True);
        _ports.Writes.Clear();
        Power.DebugExit(0x10);
        Assert.That(_ports.Writes, Is.EqualTo(new (ushort, uint)[] { (0xF4, 0x11) }));
    }

    [Test]
    public void Exit_status_is_success_where_nothing_was_lost()
    {
        _ports.Writes.Clear();
        Power.DebugExit(0x10);
        Assert.That(_ports.Writes, Is.EqualTo(new (ushort, uint)[] { (0xF4, 0x10) }));
    }

    [Test]
    public void A_failing_machine_waits_while_the_line_moves_and_not_for_ever()
    {
        Processor.TimestampStep = Second;
        int asked = 0;
        _uart.Takes = 0;
        Write("the report");
        _ports.OnRead(0x3FD, () => ++asked % 40 == 0 ? 0x60u : 0u);
        SerialOutput.Flush();
        Assert.That(_uart.Sent, Is.EqualTo("the report"), "half a minute between two bursts is not for ever");

        _ports.OnRead(0x3FD, () => 0);
        Write("0123456789abcdef0123456789");
        ulong before = Processor.Timestamp;
        SerialOutput.Flush();
        Assert.That(Processor.Timestamp - before, Is.LessThan(100 * Second));
    }

    [Test]
    public void Without_a_port_nothing_is_kept()
    {
        using var ports = new ConsolePorts();
        SerialOutput.Initialize();
        for (int round = 0; round < 100; round++)
        {
            Assert.That(SerialOutput.HasRoom(4096), Is.True);
            Write(new string('x', 4096));
        }

        Assert.That(SerialOutput.IsDrained, Is.True);
        Assert.That(SerialOutput.HasLost, Is.False);
    }
}
