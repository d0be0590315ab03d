using System;
using System.Runtime.InteropServices;
using System.Text;
using NUnit.Framework;
using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class ConsoleScreenTests
{
    private const int Room = 1 << 20;

    private ConsolePorts _ports = null!;
    private byte* _pixels;
    private byte* _font;
    private byte* _shadow;

    [SetUp]
    public void SetUp()
    {
        _ports = new ConsolePorts();
        _pixels = (byte*)NativeMemory.Alloc(Room);
        _font = (byte*)NativeMemory.AllocZeroed(4096);
        _shadow = (byte*)NativeMemory.AllocZeroed(Room);
        new Span<byte>(_pixels, Room).Fill(0xEE);

        // An A whose first line has its two leftmost pixels lit, and whose last line its rightmost one.
        _font['A' * 16] = 0xC0;
        _font['A' * 16 + 15] = 0x01;
        KernelConsole.Initialize();
    }

    [TearDown]
    public void TearDown()
    {
        _ports.Dispose();
        KernelConsole.Initialize();
        NativeMemory.Free(_pixels);
        NativeMemory.Free(_font);
        NativeMemory.Free(_shadow);
    }

    private static FramebufferInformation Screen(uint width, uint height, byte bits)
    {
        var screen = new FramebufferInformation
        {
            Kind = FramebufferKind.Rgb,
            Address = 0x8000_0000,
            Width = width,
            Height = height,
            Pitch = width * ((bits + 7u) / 8) + 12,
            BitsPerPixel = bits,
        };
        screen.SetUsualColours();
        return screen;
    }

    private bool Attach(FramebufferInformation screen, ulong shadowLength = Room) =>
        KernelConsole.AttachFramebuffer(&screen, _pixels, _font, _shadow, shadowLength);

    private uint Pixel(FramebufferInformation screen, uint x, uint y)
    {
        uint bytes = (screen.BitsPerPixel + 7u) / 8;
        byte* at = _pixels + y * screen.Pitch + x * bytes;
        uint value = 0;
        for (uint index = 0; index < bytes; index++)
        {
            value |= (uint)at[index] << (int)(8 * index);
        }

        return value;
    }

    [TestCase(15, 0x5EF7u)]
    [TestCase(16, 0xBDF7u)]
    [TestCase(24, 0xC0C0C0u)]
    [TestCase(32, 0xC0C0C0u)]
    public void A_glyph_is_drawn_at_every_depth(int bits, uint light)
    {
        FramebufferInformation screen = Screen(40, 40, (byte)bits);
        Assert.That(Attach(screen), Is.True);
        KernelConsole.Write("\n A");
        Assert.Multiple(() =>
        {
            Assert.That(Pixel(screen, 8, 16), Is.EqualTo(light));
            Assert.That(Pixel(screen, 9, 16), Is.EqualTo(light));
            Assert.That(Pixel(screen, 10, 16), Is.Zero);
            Assert.That(Pixel(screen, 7, 16), Is.Zero);
            Assert.That(Pixel(screen, 8, 17), Is.Zero);
            Assert.That(Pixel(screen, 15, 31), Is.EqualTo(light));
            Assert.That(Pixel(screen, 14, 31), Is.Zero);
            Assert.That(Pixel(screen, 16, 16), Is.EqualTo(light), "the cursor is a lit blank");
            Assert.That(Pixel(screen, 23, 31), Is.EqualTo(light));
            Assert.That(Pixel(screen, 39, 39), Is.Zero, "the rest is cleared");
            Assert.That(_pixels[40 * ((bits + 7) / 8)], Is.EqualTo(0xEE), "between the lines nothing is touched");
            Assert.That(_pixels[40 * screen.Pitch], Is.EqualTo(0xEE), "nor behind the last");
        });
    }

    [Test]
    public void Scrolling_redraws_only_the_cells_that_change()
    {
        FramebufferInformation screen = Screen(80, 48, 32);
        Attach(screen);
        KernelConsole.Write("A\nA\nA");
        new Span<byte>(_pixels, Room).Fill(0x55);
        KernelConsole.Write("\n");
        Assert.Multiple(() =>
        {
            Assert.That(Pixel(screen, 0, 0), Is.EqualTo(0x55555555), "the As above stay as they are");
            Assert.That(Pixel(screen, 0, 16), Is.EqualTo(0x55555555));
            Assert.That(Pixel(screen, 0, 32), Is.EqualTo(0xC0C0C0), "the cursor covers the last row's first cell");
            Assert.That(Pixel(screen, 2, 32), Is.EqualTo(0xC0C0C0));
            Assert.That(Pixel(screen, 8, 32), Is.Zero, "where it was before is blank");
        });
    }

    [Test]
    public void The_cursor_leaves_no_trace()
    {
        FramebufferInformation screen = Screen(80, 48, 32);
        Attach(screen);
        KernelConsole.Write("A");
        KernelConsole.Write("\r");
        Assert.That(Pixel(screen, 8, 0), Is.Zero);
        Assert.That(Pixel(screen, 0, 0), Is.Zero, "an A under the cursor is inverted");
        Assert.That(Pixel(screen, 2, 0), Is.EqualTo(0xC0C0C0));
        KernelConsole.Write("\n");
        Assert.That(Pixel(screen, 0, 0), Is.EqualTo(0xC0C0C0));
        Assert.That(Pixel(screen, 2, 0), Is.Zero);
    }

    [Test]
    public void A_small_shadow_gives_fewer_rows()
    {
        FramebufferInformation screen = Screen(80, 48, 32);
        Assert.That(KernelConsole.ShadowLength(&screen), Is.EqualTo(60));
        Assert.That(Attach(screen, 59), Is.True);
        Assert.That((KernelConsole.Columns, KernelConsole.Rows), Is.EqualTo((10u, 2u)));
        _shadow[40] = 0xAB;
        KernelConsole.Write("A\nA\nA\nA");
        Assert.That(_shadow[40], Is.EqualTo(0xAB));
        Assert.That(Attach(screen, 19), Is.False);
    }

    [Test]
    public void A_layout_that_cannot_be_drawn_is_refused([Range(0, 9)] int fault)
    {
        FramebufferInformation screen = Screen(80, 48, 32);
        Assert.That(KernelConsole.ShadowLength(&screen), Is.Not.Zero);
        switch (fault)
        {
            case 0:
                screen.Kind = FramebufferKind.Text;
                break;
            case 1:
                screen.BitsPerPixel = 8;
                break;
            case 2:
                screen.Pitch = 80 * 4 - 1;
                break;
            case 3:
                screen.Width = 7;
                break;
            case 4:
                screen.Height = 15;
                break;
            case 5:
                screen.Width = uint.MaxValue;
                screen.Pitch = uint.MaxValue;
                break;
            case 6:
                screen.Height = uint.MaxValue;
                break;
            case 7:
                screen.RedPosition = 25;
                break;
            case 8:
                screen.BlueSize = 0;
                break;
            default:
                screen.Address = 0;
                break;
        }

        Assert.That(Attach(screen), Is.False);
        Assert.That(KernelConsole.ShadowLength(&screen), Is.Zero);
        Assert.That(KernelConsole.HasScreen, Is.False);
        KernelConsole.Write("nothing happens");
        Assert.That(_pixels[0], Is.EqualTo(0xEE));
    }

    [Test]
    public void The_text_screen_shows_text_and_the_cursor()
    {
        KernelConsole.AttachVgaText(_pixels);
        GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        KernelConsole.WriteLine("Hello");
        KernelConsole.Write("x");
        Assert.That(VgaRow(0), Is.EqualTo("Hello"));
        Assert.That(VgaRow(1), Is.EqualTo("x"));
        Assert.That(_pixels[1], Is.EqualTo(0x07));
        Assert.That(_pixels[4000], Is.EqualTo(0xEE));
        Assert.That(_ports.Writes[^4..], Is.EqualTo(new (ushort, uint)[]
        {
            (0x3D4, 0x0E), (0x3D5, 0), (0x3D4, 0x0F), (0x3D5, 81),
        }));
    }

    [Test]
    public void The_text_screen_scrolls()
    {
        KernelConsole.AttachVgaText(_pixels);
        for (ulong line = 0; line < 30; line++)
        {
            KernelConsole.WriteDecimal(line);
            KernelConsole.WriteLine();
        }

        Assert.That((VgaRow(0), VgaRow(23), VgaRow(24)), Is.EqualTo(("6", "29", "")));
    }

    [Test]
    public void Text_goes_to_the_serial_line_and_the_screen()
    {
        var uart = new ConsoleUart(_ports);
        KernelConsole.Initialize();
        KernelConsole.AttachVgaText(_pixels);
        KernelConsole.WriteLine("Hello");
        ReadOnlySpan<byte> text = "a\r\nb"u8;
        fixed (byte* start = text)
        {
            KernelConsole.Write(start, (ulong)text.Length);
        }

        Assert.That(uart.Sent, Is.EqualTo("Hello\r\na\r\r\nb"));
        Assert.That((VgaRow(0), VgaRow(1), VgaRow(2)), Is.EqualTo(("Hello", "a", "b")));
    }

    [TestCase(0UL, "0x0", "0")]
    [TestCase(9UL, "0x9", "9")]
    [TestCase(10UL, "0xa", "10")]
    [TestCase(0xB8000UL, "0xb8000", "753664")]
    [TestCase(ulong.MaxValue, "0xffffffffffffffff", "18446744073709551615")]
    [TestCase(10000000000000000000UL, "0x8ac7230489e80000", "10000000000000000000")]
    public void Numbers_are_written_without_leading_zeros(ulong value, string hexadecimal, string decimalDigits)
    {
        var uart = new ConsoleUart(_ports);
        KernelConsole.Initialize();
        KernelConsole.WriteHex(value);
        KernelConsole.Write(" ");
        KernelConsole.WriteDecimal(value);
        Assert.That(uart.Sent, Is.EqualTo($"{hexadecimal} {decimalDigits}"));
    }

    private string VgaRow(int row)
    {
        var text = new StringBuilder();
        for (int column = 0; column < 80; column++)
        {
            text.Append((char)_pixels[2 * (row * 80 + column)]);
        }

        return text.ToString().TrimEnd();
    }
}
