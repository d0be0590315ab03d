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

    /// <summary>Takes everything out of the input; an exclamation mark stands for what was lost.</summary>
    internal static string ReadAll()
    {
        byte* buffer = stackalloc byte[8192];
        var text = new StringBuilder();
        for (ulong length = ConsoleInput.Read(buffer, 8192); length != 0; length = ConsoleInput.Read(buffer, 8192))
        {
            text.Append(length == ConsoleInput.Lost ? "!" : Encoding.Latin1.GetString(buffer, (int)length));
        }

        return text.ToString();
    }

    private static void Put(string text)
    {
        foreach (char character in text)
        {
            ConsoleInput.Put((byte)character);
        }
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
    public void Whatever_is_pasted_arrives_whole_because_the_port_holds_the_sender_back()
    {
        Uart16550.EnableReceiveInterrupt();
        var pasted = new StringBuilder();
        for (int line = 0; line < 4000; line++)
        {
            pasted.Append(System.Globalization.CultureInfo.InvariantCulture, $"blk 0 fill {line} 1 seed\r");
        }

        _uart.Receive(pasted.ToString());
        var read = new StringBuilder();
        byte* buffer = stackalloc byte[64];
        bool wasHeldBack = false;
        while (_uart.Waiting != 0 || ConsoleInput.Available != 0)
        {
            while (_uart.InterruptEnable != 0 && _uart.Waiting != 0)
            {
                ConsoleInput.OnSerialInterrupt();
            }

            wasHeldBack |= _uart.ModemControl == 0x09;
            ulong count = ConsoleInput.Read(buffer, 64);
            Assert.That(count, Is.LessThanOrEqualTo(64));
            read.Append(Encoding.Latin1.GetString(buffer, (int)count));
        }

        Assert.That(read.ToString(), Is.EqualTo(pasted.ToString()));
        Assert.That(wasHeldBack, Is.True);
        Assert.That((_uart.ModemControl, _uart.InterruptEnable), Is.EqualTo((0x0B, 1)));
    }

    [Test]
    public void What_an_overrun_took_is_marked_before_and_behind_what_the_port_still_held()
    {
        _uart.Receive("one\rtw");
        _uart.Errors = 0x02;
        Assert.That(ConsoleInput.OnSerialInterrupt(), Is.True);
        _uart.Receive("o\r");
        ConsoleInput.OnSerialInterrupt();
        Assert.That(ReadAll(), Is.EqualTo("!one\rtw!o\r"));
    }

    [Test]
    public void A_damaged_byte_is_marked()
    {
        _uart.Receive("xab");
        _uart.Errors = 0x08;
        ConsoleInput.OnSerialInterrupt();
        Assert.That(ReadAll(), Is.EqualTo("!ab"));
    }

    [Test]
    public void What_finds_no_room_is_marked_when_there_is_some()
    {
        Put(new string('x', (int)ConsoleInput.Capacity) + "yz");
        Assert.That(ReadAll(), Is.EqualTo(new string('x', (int)ConsoleInput.Capacity) + "!"));
        Put("a");
        Assert.That(ReadAll(), Is.EqualTo("a"));
    }

    [Test]
    public void The_ring_goes_round()
    {
        for (int round = 0; round < 3; round++)
        {
            for (int index = 0; index < 20_000; index++)
            {
                ConsoleInput.Put((byte)(10 + (index % 200)));
            }

            string text = ReadAll();
            Assert.That(text, Has.Length.EqualTo(20_000));
            Assert.That((text[1], text[19_999]), Is.EqualTo(((char)11, (char)209)));
        }
    }

    [Test]
    public void Control_C_is_counted_and_throws_away_what_was_typed_before_it()
    {
        ulong before = ConsoleInput.Interrupts;
        Put("disks\rmem\r\u0003exit\r");
        Assert.That(ConsoleInput.Interrupts, Is.EqualTo(before + 1));
        Assert.That(ReadAll(), Is.EqualTo("\u0003exit\r"));
    }

    [Test]
    public void A_port_that_always_has_data_does_not_hold_the_interrupt()
    {
        Uart16550.EnableReceiveInterrupt();
        _ports.OnRead(0x3FD, () => 0x61);
        int enables = _ports.Writes.FindAll(write => write == (0x3F9, 1)).Count;
        Assert.That(ConsoleInput.OnSerialInterrupt(), Is.True);
        Assert.That(ConsoleInput.Available, Is.LessThanOrEqualTo(256));
        Assert.That(
            _ports.Writes.FindAll(write => write == (0x3F9, 1)), Has.Count.EqualTo(enables + 1),
            "an edge for the rest");
    }

    [Test]
    public void Overrun_of_the_keyboard_is_marked()
    {
        Keyboard.Reset();
        Keyboard.Take(0x1E);
        Keyboard.Take(0xFF);
        Keyboard.Take(0x1E);
        Assert.That(ReadAll(), Is.EqualTo("a!a"));
    }
}
