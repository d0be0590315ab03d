using NUnit.Framework;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Acpi;

namespace VirtioGuest.LibOS.Tests;

/// <summary>The table of memory-mapped configuration spaces (PCI Firmware 3.2, 4.1.2).</summary>
[TestFixture]
public sealed unsafe class AcpiConfigurationTests
{
    private const ulong McfgAt = 0x7FE_3800;

    private AcpiMachine _machine = null!;

    [SetUp]
    public void SetUp() => _machine = new AcpiMachine().WithGoldenTables(AcpiMachine.Q35Fadt());

    [TearDown]
    public void TearDown() => _machine.Dispose();

    [Test]
    public void The_window_of_q35_is_read()
    {
        Assert.That(Read(Table().Entry(0xB000_0000, 0, 0, 255)), Is.EqualTo(1));
        ConfigurationWindow window;
        Assert.That(Description->TryGet(0, &window), Is.True);
        Assert.That(
            (window.BaseAddress, window.Segment, window.FirstBus, window.LastBus),
            Is.EqualTo((0xB000_0000UL, 0, 0, 255)));
        Assert.That(Description->TryGet(1, &window), Is.False);
        Assert.That(Description->TryGet(-1, &window), Is.False);
    }

    [Test]
    public void Several_windows_are_read_and_invalid_ones_between_them_left_out()
    {
        BootTable table = Table()
            .Entry(0xE000_0000, 0, 0, 63)
            .Entry(0, 0, 0, 255)
            .Entry(0xE000_1000, 0, 0, 255)
            .Entry(0xE000_0000, 0, 9, 8)
            .Entry(0xFFFF_FFFF_FFF0_0000, 0, 0, 0)
            .Entry(0x40_0000_0000, 3, 16, 31);
        Assert.That(Read(table), Is.EqualTo(2));
        ConfigurationWindow window;
        Description->TryGet(1, &window);
        Assert.That(
            (window.BaseAddress, window.Segment, window.FirstBus, window.LastBus),
            Is.EqualTo((0x40_0000_0000UL, 3, 16, 31)));
        Assert.That(Description->Ignored, Is.EqualTo(4));
    }

    [Test]
    public void More_windows_than_there_is_room_for_are_counted()
    {
        BootTable table = Table();
        for (int i = 0; i < ConfigurationDescription.Capacity + 3; i++)
        {
            table.Entry(0x1000_0000_0000 + ((ulong)i << 28), (ushort)i, 0, 255);
        }

        Assert.That(Read(table), Is.EqualTo(ConfigurationDescription.Capacity));
        Assert.That(Description->Ignored, Is.EqualTo(3));
    }

    [Test]
    public void An_entry_that_is_cut_off_is_not_read() =>
        Assert.That(Read(Table().Entry(0xE000_0000, 0, 0, 255).Add64(0xF000_0000).Add16(1)), Is.EqualTo(1));

    [TestCase(0)]
    [TestCase(4)]
    [TestCase(8)]
    public void A_table_without_entries_has_no_window(int length) =>
        Assert.That(Read(AcpiMachine.Header("MCFG", 1, 36 + length)), Is.Zero);

    [Test]
    public void Of_two_tables_the_first_counts()
    {
        _machine.Write(McfgAt, Table().Entry(0xE000_0000, 0, 0, 255));
        _machine.Write(McfgAt + 0x100, Table().Entry(0xF000_0000, 0, 0, 15).Entry(0xF800_0000, 1, 0, 15));
        _machine.WriteRsdt(AcpiMachine.FadtAt, McfgAt, McfgAt + 0x100);
        _machine.Find();
        Assert.That(Description->Windows, Is.EqualTo(1));
    }

    // As QEMU's microvm has it: a method; then a name; then in a table of 64 bits.
    [TestCase("5f42424e00 14 0c 5f434241 00 a4 0c 000000e0 08 5f435253", 0xE000_0000UL)]
    [TestCase("00 08 5f434241 0c 000000c0", 0xC000_0000UL)]
    [TestCase("00 14 10 5f434241 08 a4 0e 0000000040000000", 0x40_0000_0000UL)]
    [TestCase("5f434241 08 5f434241 0c 000000d0", 0xD000_0000UL)]
    public void Without_the_table_a_host_bridge_names_its_window(string aml, ulong start)
    {
        _machine.Write(AcpiMachine.DsdtAt, AcpiMachine.Definition("DSDT", aml));
        _machine.Find();
        ConfigurationWindow window;
        Assert.That(Description->TryGet(0, &window), Is.True);
        Assert.That(
            (window.BaseAddress, window.Segment, window.FirstBus, window.LastBus), Is.EqualTo((start, 0, 0, 255)));
        Assert.That(Description->TryGet(1, &window), Is.False);

        Assert.That(Read(Table().Entry(0xF000_0000, 0, 0, 15)), Is.EqualTo(1), "the table counts where there is one");
        Description->TryGet(0, &window);
        Assert.That(window.BaseAddress, Is.EqualTo(0xF000_0000));
    }

    [TestCase("00 14 0c 5f434241 00 a4 0c 001000e0")]
    [TestCase("00 14 0c 5f434241 00 70 0c 000000e0")]
    [TestCase("14 4c 00 5f434241 00 a4 0c 000000e0")]
    [TestCase("00 00 5f434241 0c 000000e0")]
    [TestCase("00 08 5f434241 00")]
    [TestCase("00 08 5f434241 0c 0000")]
    [TestCase("00 08 5f434241")]
    [TestCase("08 5f434241")]
    [TestCase("00 14 0c 5f434241 00")]
    public void What_is_no_such_object_gives_no_window(string aml)
    {
        _machine.Write(AcpiMachine.DsdtAt, AcpiMachine.Definition("DSDT", aml));
        _machine.Find();
        Assert.That(Description->Windows, Is.Zero);
    }

    [Test]
    public void Without_the_table_there_is_none()
    {
        _machine.Find();
        Assert.That(Description->IsPresent, Is.False);
        Assert.That(Description->Windows, Is.Zero);
    }

    private ConfigurationDescription* Description => &_machine.Tables->Configuration;

    private static BootTable Table() => AcpiMachine.Header("MCFG", 1, 44);

    private int Read(BootTable table)
    {
        _machine.Write(McfgAt, table);
        _machine.WriteRsdt(AcpiMachine.FadtAt, AcpiMachine.MadtAt, McfgAt);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        return Description->Windows;
    }
}

/// <summary>Entries of the table.</summary>
internal static class ConfigurationEntries
{
    public static BootTable Entry(this BootTable table, ulong start, ushort segment, byte firstBus, byte lastBus) =>
        table.Add64(start).Add16(segment).Add8(firstBus, lastBus).Add32(0);
}
