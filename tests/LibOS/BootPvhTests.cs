using NUnit.Framework;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Boot;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class BootPvhTests
{
    internal const ulong At = 0x6_0000;
    internal const ulong MapAt = 0x6_0100;
    internal const ulong LineAt = 0x7_0000;

    private BootMemory _memory = null!;

    [SetUp]
    public void SetUp() => _memory = new BootMemory();

    [TearDown]
    public void TearDown() => _memory.Dispose();

    /// <summary>What QEMU's loader leaves for <c>-kernel</c> with 8 GB.</summary>
    internal static BootTable Golden() => new BootTable()
        .Add32(0x336E_C578).Add32(1).Add32(0).Add32(0)
        .Add64(0).Add64(LineAt).Add64(0xF_59D0).Add64(MapAt).Add32(4).Add32(0);

    internal static BootTable GoldenMap() => new BootTable()
        .Add64(0).Add64(0x9_FC00).Add32(1).Add32(0)
        .Add64(0x9_FC00).Add64(0x400).Add32(2).Add32(0)
        .Add64(0x10_0000).Add64(0xBFEE_0000).Add32(1).Add32(0)
        .Add64(0x1_0000_0000).Add64(0x1_4000_0000).Add32(1).Add32(0);

    private BootStatus Parse(BootTable start)
    {
        _memory.Write(At, start.ToArray());
        _memory.Write(MapAt, GoldenMap().ToArray());
        _memory.Write(LineAt, "run='a; b'\0ignored"u8);
        return PvhStartInfo.Parse(At, _memory.Information);
    }

    [Test]
    public void What_qemu_writes_is_read_whole()
    {
        Assert.That(Parse(Golden()), Is.EqualTo(BootStatus.Ok));
        Assert.Multiple(() =>
        {
            Assert.That(_memory.Information->Door, Is.EqualTo(BootDoor.Pvh));
            Assert.That(_memory.CommandLine, Is.EqualTo("run='a; b'"));
            Assert.That(_memory.Information->RootPointer, Is.EqualTo(0xF_59D0));
            Assert.That(_memory.MapText(), Is.EqualTo(
                "0-9fc00:1 9fc00-a0000:2 100000-bffe0000:1 100000000-240000000:1"));
            Assert.That(_memory.Information->Screen.Kind, Is.EqualTo(FramebufferKind.None));
        });
    }

    [Test]
    public void No_command_line_is_an_empty_one()
    {
        Assert.That(Parse(Golden().Put64(24, 0)), Is.EqualTo(BootStatus.Ok));
        Assert.That(_memory.CommandLine, Is.Empty);
    }

    [Test]
    public void A_command_line_ends_where_the_mapped_memory_does()
    {
        _memory.Fill(0xFFFF_FFF0, 16, (byte)'z');
        Assert.That(Parse(Golden().Put64(24, 0xFFFF_FFF0)), Is.EqualTo(BootStatus.Ok));
        Assert.That(_memory.CommandLine, Is.EqualTo(new string('z', 16)));
    }

    [TestCase(65536, (int)BootStatus.Ok)]
    [TestCase(65537, (int)BootStatus.LongCommandLine)]
    public void A_command_line_is_taken_whole_or_refused(int length, int status)
    {
        _memory.Fill(0x20_0000, length, (byte)'z');
        Assert.That(Parse(Golden().Put64(24, 0x20_0000)), Is.EqualTo((BootStatus)status));
        Assert.That(_memory.CommandLine, Has.Length.EqualTo(status == (int)BootStatus.Ok ? length : 0));
    }

    [Test]
    public void The_wrong_magic_is_refused() =>
        Assert.That(Parse(Golden().Put32(0, 0x336E_C579)), Is.EqualTo(BootStatus.BadMagic));

    [TestCase(4096u, (int)BootStatus.BadMagic)]
    [TestCase(4097u, (int)BootStatus.OverrunByCommandLine)]
    public void A_structure_that_the_command_line_has_overwritten_is_told_from_others(uint length, int status)
    {
        using var ports = new ConsolePorts();
        uint item = 0;
        int offset = 0;
        ports.OnWrite(0x510, value => (item, offset) = (value, 0));
        ports.OnRead(0x511, () => ((item == 0 ? 0x554D_4551u : item == 0x14 ? length : 0) >> (8 * offset++)) & 0xFF);
        Assert.That(Parse(Golden().Put32(0, 0x7878_7878)), Is.EqualTo((BootStatus)status));
    }

    [Test]
    public void Version_0_has_no_memory_map() =>
        Assert.That(Parse(Golden().Put32(4, 0)), Is.EqualTo(BootStatus.NoMemory));

    [Test]
    public void No_entries_are_no_memory() =>
        Assert.That(Parse(Golden().Put32(48, 0)), Is.EqualTo(BootStatus.NoMemory));

    // Of zeros, so that what is read whole has no memory.
    [TestCase(4096u, (int)BootStatus.NoMemory)]
    [TestCase(4097u, (int)BootStatus.TooLong)]
    [TestCase(uint.MaxValue, (int)BootStatus.TooLong)]
    public void Entries_beyond_reason_are_refused(uint entries, int status) =>
        Assert.That(Parse(Golden().Put64(40, 0x30_0000).Put32(48, entries)), Is.EqualTo((BootStatus)status));

    [TestCase(0UL)]
    [TestCase(0xFFFF_FFC0UL)]
    [TestCase(0xFFFF_FFFF_FFFF_FF00UL)]
    public void A_map_out_of_reach_is_refused(ulong physical) =>
        Assert.That(Parse(Golden().Put64(40, physical)), Is.EqualTo(BootStatus.Unreachable));

    [Test]
    public void A_command_line_out_of_reach_is_refused_after_the_map_was_read()
    {
        Assert.That(Parse(Golden().Put64(24, 0x1_0000_0000)), Is.EqualTo(BootStatus.Unreachable));
        Assert.That(_memory.Information->Memory.RamBytes, Is.Not.Zero);
    }

    [Test]
    public void A_structure_out_of_reach_is_refused() =>
        Assert.That(PvhStartInfo.Parse(0xFFFF_FFE0, _memory.Information), Is.EqualTo(BootStatus.Unreachable));
}
