using System.Text;
using NUnit.Framework;
using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class ConsoleInputTests
{
    private ConsolePorts _ports = null!;
    private ConsoleUart _uart = null!;

    [SetUp]
    public void SetUp()
    {
        _ports = new ConsolePorts();
        _uart = new ConsoleUart(_ports);
        Uart16550.Initialize();
        ReadAll();
    }

    [TearDown]
    public void TearDown()
    {
        ReadAll();
        _ports.Dispose();
    }

    /// <summary>Takes everything out of the input.</summary>
    internal static string ReadAll()
    {
        byte* buffer = stackalloc byte[8192];
        ulong length = ConsoleInput.Read(buffer, 8192);
        return Encoding.Latin1.GetString(buffer, (int)length);
    }

    [Test]
    public void What_the_serial_line_brings_can_be_read()
    {
        Assert.That(ConsoleInput.OnSerialInterrupt(), Is.False);
        _uart.Receive("lspci\r");
        Assert.That(ConsoleInput.OnSerialInterrupt(), Is.True);
        Assert.That(ConsoleInput.Available, Is.EqualTo(6));
        byte* buffer = stackalloc byte[4];
        Assert.That(ConsoleInput.Read(buffer, 4), Is.EqualTo(4));
        Assert.That(Encoding.Latin1.GetString(buffer, 4), Is.EqualTo("lspc"));
        Assert.That(ReadAll(), Is.EqualTo("i\r"));
        Assert.That(ConsoleInput.Read(buffer, 4), Is.Zero);
    }

    [Test]
    public void The_ring_goes_round_and_drops_what_finds_no_room()
    {
        ulong dropped = ConsoleInput.Dropped;
        for (int round = 0; round < 3; round++)
        {
            for (int index = 0; index < 3000; index++)
            {
                ConsoleInput.Put((byte)index);
            }

            string text = ReadAll();
            Assert.That(text, Has.Length.EqualTo(3000));
            Assert.That((text[1], text[2999]), Is.EqualTo(((char)1, (char)(2999 % 256))));
        }

        Assert.That(ConsoleInput.Dropped, Is.EqualTo(dropped));
        for (int index = 0; index < (int)ConsoleInput.Capacity + 5; index++)
        {
            ConsoleInput.Put((byte)'x');
        }

        Assert.That(ConsoleInput.Dropped, Is.EqualTo(dropped + 5));
        Assert.That(ConsoleInput.Available, Is.EqualTo(ConsoleInput.Capacity));
    }

    [Test]
    public void A_port_that_always_has_data_does_not_hold_the_interrupt()
    {
        _ports.OnRead(0x3FD, () => 0x61);
        Assert.That(ConsoleInput.OnSerialInterrupt(), Is.True);
        Assert.That(ConsoleInput.Available, Is.LessThanOrEqualTo(256));
    }
}
