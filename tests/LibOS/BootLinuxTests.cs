using NUnit.Framework;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class BootLinuxTests
{
    private const ulong At = 0x1_0000;

    private BootMemory _memory = null!;

    [SetUp]
    public void SetUp() => _memory = new BootMemory();

    [TearDown]
    public void TearDown() => _memory.Dispose();

    /// <summary>What a minimal VMM leaves: a map of two entries, a command line, nothing else.</summary>
    internal static BootTable Golden() => new BootTable().PadTo(4096)
        .Put32(0x202, 0x5372_6448).Put16(0x206, 0x20F).Put8(0x210, 0xFF)
        .Put32(0x228, 0x2_0000)
        .Put8(0x1E8, 2)
        .Put64(0x2D0, 0).Put64(0x2D8, 0x9_FFFF).Put32(0x2E0, 1)
        .Put64(0x2E4, 0x10_0000).Put64(0x2EC, 0x3FF0_0000).Put32(0x2F4, 1);

    private BootStatus Parse(BootTable page)
    {
        _memory.Write(At, page.ToArray());
        _memory.Write(0x2_0000, "console=ttyS0 run=lspci\0"u8);
        return LinuxBootParameters.Parse(At, _memory.Information);
    }

    [Test]
    public void What_a_minimal_monitor_writes_is_read_whole()
    {
        Assert.That(Parse(Golden()), Is.EqualTo(BootStatus.Ok));
        Assert.Multiple(() =>
        {
            Assert.That(_memory.Information->Door, Is.EqualTo(BootDoor.Linux));
            Assert.That(_memory.CommandLine, Is.EqualTo("console=ttyS0 run=lspci"));
            Assert.That(_memory.MapText(), Is.EqualTo("0-9ffff:1 100000-40000000:1"));
            Assert.That(_memory.Information->RootPointer, Is.Zero);
            Assert.That(_memory.Information->IsUefi, Is.False);
            Assert.That(_memory.Information->Screen.Kind, Is.EqualTo(FramebufferKind.None));
        });
    }

    [Test]
    public void Root_pointer_and_efi_are_taken()
    {
        Assert.That(Parse(Golden().Put64(0x70, 0x7F_1234).Put32(0x1C0, 0x3436_4C45)), Is.EqualTo(BootStatus.Ok));
        Assert.That(_memory.Information->RootPointer, Is.EqualTo(0x7F_1234));
        Assert.That(_memory.Information->IsUefi, Is.True);
    }

    [Test]
    public void Text_mode_is_recognised()
    {
        Assert.That(
            Parse(Golden().Put8(0x06, 3).Put8(0x07, 80).Put8(0x0E, 25).Put8(0x0F, 1)), Is.EqualTo(BootStatus.Ok));
        Assert.That(_memory.Information->Screen.IsColourText, Is.True);
    }

    [TestCase(7, 80, 25)]
    [TestCase(3, 132, 25)]
    [TestCase(3, 80, 50)]
    public void Other_text_modes_are_no_screen(int mode, int columns, int rows)
    {
        BootTable page = Golden().Put8(0x06, (byte)mode).Put8(0x07, (byte)columns).Put8(0x0E, (byte)rows).Put8(0x0F, 1);
        Assert.That(Parse(page), Is.EqualTo(BootStatus.Ok));
        Assert.That(_memory.Information->Screen.Kind, Is.EqualTo(FramebufferKind.None));
    }

    [Test]
    public void A_framebuffer_above_4_gb_with_its_fields_is_recognised()
    {
        BootTable page = Golden().Put8(0x0F, 0x70).Put16(0x12, 1024).Put16(0x14, 768).Put16(0x16, 32)
            .Put32(0x18, 0x1000_0000).Put16(0x24, 4096).Put32(0x36, 2).Put32(0x3A, 0x80)
            .Put8(0x26, 8).Put8(0x27, 0).Put8(0x28, 8).Put8(0x29, 8).Put8(0x2A, 8).Put8(0x2B, 16);
        Assert.That(Parse(page), Is.EqualTo(BootStatus.Ok));
        FramebufferInformation screen = _memory.Information->Screen;
        Assert.Multiple(() =>
        {
            Assert.That(screen.Kind, Is.EqualTo(FramebufferKind.Rgb));
            Assert.That(screen.Address, Is.EqualTo(0x80_1000_0000));
            Assert.That((screen.Width, screen.Height, screen.Pitch), Is.EqualTo((1024, 768, 4096)));
            Assert.That(screen.BitsPerPixel, Is.EqualTo(32));
            Assert.That((screen.RedPosition, screen.GreenPosition, screen.BluePosition), Is.EqualTo((0, 8, 16)));
        });
    }

    [TestCase(32, 16, 8, 8, 8)]
    [TestCase(16, 11, 5, 5, 6)]
    [TestCase(15, 10, 5, 5, 5)]
    public void A_framebuffer_without_fields_gets_the_usual_ones(
        int bits, int red, int green, int redSize, int greenSize)
    {
        BootTable page = Golden().Put8(0x0F, 0x23).Put16(0x12, 800).Put16(0x14, 600).Put16(0x16, (ushort)bits)
            .Put32(0x18, 0xFD00_0000).Put16(0x24, 3200);
        Assert.That(Parse(page), Is.EqualTo(BootStatus.Ok));
        FramebufferInformation screen = _memory.Information->Screen;
        Assert.That(
            (screen.RedPosition, screen.GreenPosition, screen.BluePosition, screen.RedSize, screen.GreenSize),
            Is.EqualTo((red, green, 0, redSize, greenSize)));
    }

    [Test]
    public void Without_a_map_the_size_above_1_mb_counts()
    {
        Assert.That(Parse(Golden().Put8(0x1E8, 0).Put32(0x1E0, 65536 - 1024)), Is.EqualTo(BootStatus.Ok));
        Assert.That(_memory.MapText(), Is.EqualTo("0-a0000:1 100000-4000000:1"));
    }

    [Test]
    public void Without_any_memory_the_status_says_so() =>
        Assert.That(Parse(Golden().Put8(0x1E8, 0)), Is.EqualTo(BootStatus.NoMemory));

    [Test]
    public void More_entries_than_there_is_room_for_are_refused() =>
        Assert.That(Parse(Golden().Put8(0x1E8, 129)), Is.EqualTo(BootStatus.TooLong));

    [Test]
    public void The_wrong_magic_is_refused() =>
        Assert.That(Parse(Golden().Put32(0x202, 0)), Is.EqualTo(BootStatus.BadMagic));

    [Test]
    public void A_command_line_out_of_reach_is_refused() =>
        Assert.That(Parse(Golden().Put32(0xC8, 1)), Is.EqualTo(BootStatus.Unreachable));

    [Test]
    public void A_page_out_of_reach_is_refused() =>
        Assert.That(LinuxBootParameters.Parse(0xFFFF_F001, _memory.Information), Is.EqualTo(BootStatus.Unreachable));
}
