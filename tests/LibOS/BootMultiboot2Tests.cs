using System;
using NUnit.Framework;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class BootMultiboot2Tests
{
    private const ulong At = 0x1_2000;

    private BootMemory _memory = null!;

    [SetUp]
    public void SetUp() => _memory = new BootMemory();

    [TearDown]
    public void TearDown() => _memory.Dispose();

    /// <summary>What GRUB leaves for a BIOS machine of 128 MB in text mode.</summary>
    internal static BootTable Golden()
    {
        var table = new BootTable().Add32(0).Add32(0);
        Tag(table, 1, new BootTable().AddText("\"run=lspci; exit\" quiet\0"));
        Tag(table, 2, new BootTable().AddText("GRUB 2.06-13\0"));
        Tag(table, 10, new BootTable().PadTo(20));
        Tag(table, 4, new BootTable().Add32(639).Add32(129920));
        Tag(table, 5, new BootTable().Add32(0xE0).Add32(0xFFFFFFFF).Add32(0xFFFFFFFF));
        var map = new BootTable().Add32(24).Add32(0);
        Entry(map, 0, 0x9_FC00, 1);
        Entry(map, 0x9_FC00, 0x400, 2);
        Entry(map, 0xF_0000, 0x1_0000, 2);
        Entry(map, 0x10_0000, 0x7EE_0000, 1);
        Entry(map, 0x7FE_0000, 0x2_0000, 2);
        Entry(map, 0xFFFC_0000, 0x4_0000, 2);
        Entry(map, 0x1_0000_0000, 0x1_0000_0000, 1);
        Tag(table, 6, map);
        Tag(table, 8, new BootTable().Add64(0xB8000).Add32(160).Add32(80).Add32(25).Add8(16, 2).Add16(0));
        Tag(table, 14, new BootTable().AddText("RSD PTR ").Add8(0).AddText("BOCHS ").Add8(0).Add32(0x7FE_1AA4));
        return End(table);
    }

    internal static BootTable End(BootTable table)
    {
        table.Add32(0).Add32(8);
        return table.Put32(0, (uint)table.Length);
    }

    private static void Tag(BootTable table, uint kind, BootTable content)
    {
        table.Add32(kind).Add32((uint)content.Length + 8).Add8(content.ToArray()).Align(8);
    }

    private static void Entry(BootTable map, ulong start, ulong length, uint kind) =>
        map.Add64(start).Add64(length).Add32(kind).Add32(0);

    private BootStatus Parse(BootTable table)
    {
        _memory.Write(At, table.ToArray());
        return Multiboot2.Parse(At, _memory.Information);
    }

    private static BootTable Empty() => new BootTable().Add32(0).Add32(0);

    private static void AddRam(BootTable table)
    {
        var map = new BootTable().Add32(24).Add32(0);
        Entry(map, 0x10_0000, 0x700_0000, 1);
        Tag(table, 6, map);
    }

    [Test]
    public void What_grub_writes_is_read_whole()
    {
        Assert.That(Parse(Golden()), Is.EqualTo(BootStatus.Ok));
        BootInformation* information = _memory.Information;
        Assert.Multiple(() =>
        {
            Assert.That(information->Door, Is.EqualTo(BootDoor.Multiboot2));
            Assert.That(information->IsUefi, Is.False);
            Assert.That(_memory.CommandLine, Is.EqualTo("\"run=lspci; exit\" quiet"));
            Assert.That(_memory.MapText(), Is.EqualTo(
                "0-9fc00:1 9fc00-a0000:2 f0000-100000:2 100000-7fe0000:1 7fe0000-8000000:2 fffc0000-100000000:2 " +
                "100000000-200000000:1"));
            Assert.That(information->Screen.IsColourText, Is.True);
            Assert.That(information->RootPointerCopyLength, Is.EqualTo(20));
            Assert.That(information->RootPointerCopy[16], Is.EqualTo(0xA4));
        });
    }

    [Test]
    public void Under_uefi_the_framebuffer_and_the_new_root_pointer_are_taken()
    {
        BootTable table = Empty();
        AddRam(table);
        Tag(table, 8, new BootTable().Add64(0x8000_0000).Add32(5120).Add32(1280).Add32(800).Add8(32, 1).Add16(0)
            .Add8(16, 8, 8, 8, 0, 8));
        Tag(table, 15, new BootTable().AddText("RSD PTR ").PadTo(35).Add8(0x77));
        Tag(table, 14, new BootTable().AddText("RSD PTR ").PadTo(20));
        Tag(table, 12, new BootTable().Add64(0x7F0_0000));
        Assert.That(Parse(End(table)), Is.EqualTo(BootStatus.Ok));
        BootInformation* information = _memory.Information;
        FramebufferInformation screen = information->Screen;
        Assert.Multiple(() =>
        {
            Assert.That(information->IsUefi, Is.True);
            Assert.That(screen.Kind, Is.EqualTo(FramebufferKind.Rgb));
            Assert.That(screen.Address, Is.EqualTo(0x8000_0000));
            Assert.That((screen.Width, screen.Height, screen.Pitch), Is.EqualTo((1280u, 800u, 5120u)));
            Assert.That((screen.RedPosition, screen.GreenPosition, screen.BluePosition), Is.EqualTo((16, 8, 0)));
            Assert.That((screen.RedSize, screen.GreenSize, screen.BlueSize), Is.EqualTo((8, 8, 8)));
            Assert.That(information->RootPointerCopyLength, Is.EqualTo(36));
            Assert.That(information->RootPointerCopy[35], Is.EqualTo(0x77));
        });
    }

    [Test]
    public void Without_a_map_the_two_sizes_count()
    {
        BootTable table = Empty();
        Tag(table, 4, new BootTable().Add32(640).Add32(65536 - 1024));
        Assert.That(Parse(End(table)), Is.EqualTo(BootStatus.Ok));
        Assert.That(_memory.MapText(), Is.EqualTo("0-a0000:1 100000-4000000:1"));
    }

    [Test]
    public void Without_any_memory_the_status_says_so() =>
        Assert.That(Parse(End(Empty())), Is.EqualTo(BootStatus.NoMemory));

    [Test]
    public void A_palette_screen_is_no_screen()
    {
        BootTable table = Empty();
        AddRam(table);
        Tag(table, 8, new BootTable().Add64(0xA0000).Add32(320).Add32(320).Add32(200).Add8(8, 0).Add16(0).Add16(0));
        Assert.That(Parse(End(table)), Is.EqualTo(BootStatus.Ok));
        Assert.That(_memory.Information->Screen.Kind, Is.EqualTo(FramebufferKind.None));
    }

    [Test]
    public void A_command_line_is_taken_whole_or_refused([Values(5000, 65536, 65537)] int length)
    {
        BootTable table = Empty();
        AddRam(table);
        Tag(table, 1, new BootTable().AddText(new string('x', length)));
        bool isTaken = length <= BootInformation.CommandLineCapacity;
        Assert.That(Parse(End(table)), Is.EqualTo(isTaken ? BootStatus.Ok : BootStatus.LongCommandLine));
        Assert.That(_memory.CommandLine, Is.EqualTo(isTaken ? new string('x', length) : ""));
    }

    [TestCase(0UL, nameof(BootStatus.Unreachable))]
    [TestCase(0x12_0004UL, nameof(BootStatus.Unreachable))]
    [TestCase(0xFFFF_FFFFUL, nameof(BootStatus.Unreachable))]
    [TestCase(0x1_0000_0000UL, nameof(BootStatus.Unreachable))]
    [TestCase(0xFFFF_FFFF_FFFF_FFF8UL, nameof(BootStatus.Unreachable))]
    [TestCase(0x12_0000UL, nameof(BootStatus.TooShort))]
    public void An_address_without_a_table_is_refused(ulong physical, string expected) =>
        Assert.That(Multiboot2.Parse(physical, _memory.Information).ToString(), Is.EqualTo(expected));

    [Test]
    public void A_size_beyond_reason_is_refused() =>
        Assert.That(Parse(Golden().Put32(0, 0x10_0001)), Is.EqualTo(BootStatus.TooLong));

    [Test]
    public void A_table_that_leaves_the_mapped_memory_is_refused()
    {
        _memory.Write(0xFFFF_FFF0, new BootTable().Add32(24).Add32(0).Add32(0).Add32(8).ToArray());
        Assert.That(Multiboot2.Parse(0xFFFF_FFF0, _memory.Information), Is.EqualTo(BootStatus.Unreachable));
    }

    [Test]
    public void Every_cut_of_the_golden_table_is_noticed()
    {
        int whole = Golden().Length;
        for (int length = 16; length < whole; length++)
        {
            BootStatus status = Parse(Golden().Put32(0, (uint)length));
            Assert.That(status, Is.EqualTo(BootStatus.Cut), $"cut to {length} of {whole}");
        }
    }

    [TestCase(0u)]
    [TestCase(7u)]
    public void A_tag_that_would_not_advance_is_refused(uint length)
    {
        BootTable table = Empty();
        table.Add32(99).Add32(length);
        Assert.That(Parse(End(table)), Is.EqualTo(BootStatus.TooShort));
    }

    [TestCase(0u)]
    [TestCase(20u)]
    public void A_map_with_entries_too_small_is_refused(uint entryLength)
    {
        BootTable table = Empty();
        Tag(table, 6, new BootTable().Add32(entryLength).Add32(0).PadTo(64));
        Assert.That(Parse(End(table)), Is.EqualTo(BootStatus.TooShort));
    }

    [Test]
    public void A_map_with_larger_entries_is_read_by_its_own_size()
    {
        BootTable table = Empty();
        Tag(table, 6, new BootTable().Add32(32).Add32(1)
            .Add64(0x10_0000).Add64(0x10_0000).Add32(1).Add32(0).Add64(ulong.MaxValue)
            .Add64(0x40_0000).Add64(0x10_0000).Add32(1).Add32(0).Add64(ulong.MaxValue));
        Assert.That(Parse(End(table)), Is.EqualTo(BootStatus.Ok));
        Assert.That(_memory.MapText(), Is.EqualTo("100000-200000:1 400000-500000:1"));
    }

    [TestCase(8u, 20)]
    [TestCase(14u, 19)]
    [TestCase(15u, 20)]
    [TestCase(4u, 4)]
    public void A_known_tag_that_is_too_short_is_refused(uint kind, int content)
    {
        BootTable table = Empty();
        Tag(table, kind, new BootTable().PadTo(content));
        Assert.That(Parse(End(table)), Is.EqualTo(BootStatus.TooShort));
    }

    [Test]
    public void An_rgb_screen_without_its_fields_is_refused()
    {
        BootTable table = Empty();
        AddRam(table);
        Tag(table, 8, new BootTable().Add64(0x8000_0000).Add32(5120).Add32(1280).Add32(800).Add8(32, 1).Add16(0));
        Assert.That(Parse(End(table)), Is.EqualTo(BootStatus.TooShort));
    }
}
