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

    private static void Send(string text)
    {
        foreach (char character in text)
        {
            Uart16550.Write((byte)character);
        }
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
        Send("hello");
        Uart16550.EnableReceiveInterrupt();
        Assert.That(Uart16550.TryRead(out _), Is.False);
        Assert.That((ports.Reads - reads, ports.Writes.Count), Is.EqualTo((0, 0)));
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
    public void A_stuck_line_costs_one_bounded_wait_and_recovers()
    {
        var uart = new ConsoleUart(_ports) { IsMoving = false };
        Uart16550.Initialize();
        Send("a");
        int firstWait = uart.StatusReads;
        Send("bcdefghij");
        Assert.That(firstWait, Is.GreaterThan(1000));
        Assert.That(uart.StatusReads - firstWait, Is.EqualTo(9));
        Assert.That(uart.Sent, Is.Empty);
        uart.IsMoving = true;
        Send("klm");
        Assert.That(uart.Sent, Is.EqualTo("klm"));
    }

    [Test]
    public void Received_bytes_come_in_order()
    {
        var uart = new ConsoleUart(_ports);
        Uart16550.Initialize();
        uart.Receive("ok");
        Assert.That(Uart16550.TryRead(out byte first), Is.True);
        Assert.That(Uart16550.TryRead(out byte second), Is.True);
        Assert.That((first, second), Is.EqualTo(('o', 'k')));
        Assert.That(Uart16550.TryRead(out _), Is.False);
    }
}
