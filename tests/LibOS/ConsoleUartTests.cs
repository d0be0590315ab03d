using NUnit.Framework;
using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed class ConsoleUartTests
{
    private ConsolePorts _ports = null!;

    [SetUp]
    public void SetUp() => _ports = new ConsolePorts();

    [TearDown]
    public void TearDown() => _ports.Dispose();

    private static int Send(string text)
    {
        int taken = 0;
        foreach (char character in text)
        {
            taken += Uart16550.TryWrite((byte)character) ? 1 : 0;
        }

        return taken;
    }

    [Test]
    public void The_port_is_found_and_set_to_115200_8n1()
    {
        var uart = new ConsoleUart(_ports);
        Assert.That(Uart16550.Initialize(), Is.True);
        Assert.Multiple(() =>
        {
            Assert.That(Uart16550.IsPresent, Is.True);
            Assert.That(uart.Divisor, Is.EqualTo(1));
            Assert.That(uart.LineControl, Is.EqualTo(0x03));
            Assert.That(uart.ModemControl, Is.EqualTo(0x0B));
            Assert.That(uart.InterruptEnable, Is.Zero);
        });
        Uart16550.EnableReceiveInterrupt();
        Assert.That(uart.InterruptEnable, Is.EqualTo(1));
    }

    [Test]
    public void Without_a_port_nothing_is_found_and_nothing_hangs([Values(0, 1, 2)] int noDevice)
    {
        using var ports = new ConsolePorts((ConsolePorts.NoDevice)noDevice);
        Assert.That(Uart16550.Initialize(), Is.False);
        ports.Writes.Clear();
        int reads = ports.Reads;
        Assert.That(Send("hello"), Is.EqualTo(5));
        Uart16550.EnableReceiveInterrupt();
        Uart16550.HoldBack(true);
        Uart16550.RenewReceiveInterrupt();
        Assert.That(Uart16550.IsIdle, Is.True);
        Assert.That(Uart16550.TryRead(out _, out _), Is.False);
        Assert.That((ports.Reads - reads, ports.Writes.Count), Is.EqualTo((0, 0)));
    }

    [Test]
    public void A_port_whose_status_is_all_ones_is_none()
    {
        _ = new ConsoleUart(_ports);
        _ports.OnRead(0x3FD, () => 0xFF);
        Assert.That(Uart16550.Initialize(), Is.False);
    }

    [TestCase(true, 16)]
    [TestCase(false, 1)]
    public void Bytes_go_out_in_bursts_of_the_fifo(bool hasFifo, int burst)
    {
        var uart = new ConsoleUart(_ports, hasFifo);
        Uart16550.Initialize();
        Send("The quick brown fox jumps over the lazy dog");
        Assert.That(uart.Sent, Is.EqualTo("The quick brown fox jumps over the lazy dog"));
        Assert.That(uart.LongestBurst, Is.EqualTo(burst));
    }

    [Test]
    public void A_transmitter_that_stands_still_takes_nothing_and_costs_one_look()
    {
        var uart = new ConsoleUart(_ports);
        Uart16550.Initialize();
        uart.IsMoving = false;
        int looks = uart.StatusReads;
        Assert.That(Uart16550.TryWrite((byte)'a'), Is.False);
        Assert.That(uart.StatusReads - looks, Is.EqualTo(1));
        Assert.That(uart.Sent, Is.Empty);
        uart.IsMoving = true;
        Assert.That(Send("klm"), Is.EqualTo(3));
        Assert.That(uart.Sent, Is.EqualTo("klm"));
    }

    [Test]
    public void Received_bytes_come_in_order()
    {
        var uart = new ConsoleUart(_ports);
        Uart16550.Initialize();
        uart.Receive("ok");
        Assert.That(Uart16550.TryRead(out byte first, out _), Is.True);
        Assert.That(Uart16550.TryRead(out byte second, out _), Is.True);
        Assert.That((first, second), Is.EqualTo(('o', 'k')));
        Assert.That(Uart16550.TryRead(out _, out _), Is.False);
    }

    [TestCase(false, 0, TestName = "FIFOs stay off where a byte waits, because switching them on clears it")]
    [TestCase(true, 1, TestName = "FIFOs that are on already stay so")]
    public void What_was_typed_before_the_start_is_kept(bool isOn, int control)
    {
        var uart = new ConsoleUart(_ports);
        if (isOn)
        {
            uart.SwitchFifosOn();
        }

        uart.Receive("x");
        Uart16550.Initialize();
        Assert.That(Uart16550.TryRead(out byte value, out _), Is.True);
        Assert.That(((char)value, (int)uart.FifoControl), Is.EqualTo(('x', control)));
    }

    [Test]
    public void The_sender_is_held_back_by_RTS_and_without_interrupts()
    {
        var uart = new ConsoleUart(_ports);
        Uart16550.Initialize();
        Uart16550.EnableReceiveInterrupt();
        Uart16550.HoldBack(true);
        Assert.That((uart.ModemControl, uart.InterruptEnable), Is.EqualTo((0x09, 0)));
        Uart16550.HoldBack(false);
        Assert.That((uart.ModemControl, uart.InterruptEnable), Is.EqualTo((0x0B, 1)));
    }

    [Test]
    public void An_overrun_is_kept_whoever_reads_the_status()
    {
        var uart = new ConsoleUart(_ports);
        Uart16550.Initialize();
        Assert.That(Uart16550.TakeOverrun(), Is.False);
        uart.Errors = 0x02;
        Send("the transmitter looks");
        Assert.That(Uart16550.TakeOverrun(), Is.True);
        Assert.That(Uart16550.TakeOverrun(), Is.False);
    }

    [TestCase(0x04)]
    [TestCase(0x08)]
    [TestCase(0x10)]
    public void A_byte_with_an_error_is_damaged(byte error)
    {
        var uart = new ConsoleUart(_ports);
        Uart16550.Initialize();
        uart.Receive("xy");
        uart.Errors = error;
        Assert.That(Uart16550.TryRead(out byte value, out bool isDamaged), Is.True);
        Assert.That((value, isDamaged), Is.EqualTo((0, true)));
        Assert.That(Uart16550.TryRead(out value, out isDamaged), Is.True);
        Assert.That(((char)value, isDamaged), Is.EqualTo(('y', false)));
    }
}
