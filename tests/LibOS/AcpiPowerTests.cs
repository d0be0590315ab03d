using System.Linq;
using NUnit.Framework;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Acpi;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class AcpiPowerTests
{
    private AcpiMachine _machine = null!;
    private ConsolePorts _ports = null!;

    [SetUp]
    public void SetUp()
    {
        _machine = new AcpiMachine();
        _ports = new ConsolePorts();
    }

    [TearDown]
    public void TearDown()
    {
        _ports.Dispose();
        _machine.Dispose();
    }

    [Test]
    public void Acpi_mode_is_turned_on_first()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt()).Find();
        uint control = 0x8000;
        int polls = 0;
        bool wasAsked = false;
        _ports.OnRead(0x604, () => wasAsked && ++polls > 3 ? control |= 1 : control);
        _ports.OnWrite(0xB2, value => wasAsked = value == 0xF1);
        AcpiPower.PowerOff(_machine.Tables);
        Assert.That(_ports.Writes, Is.EqualTo(new (ushort, uint)[] { (0xB2, 0xF1), (0x604, 0x8001), (0x604, 0xA001) }));
    }

    [Test]
    public void Both_control_registers_get_their_sleep_type_and_keep_their_other_bits()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt().Put32(68, 0x704));
        _machine.Write(AcpiMachine.DsdtAt, AcpiMachine.Definition("DSDT", "085f53355f 1206 02 0a050a06"));
        _machine.Find();
        _ports.OnRead(0x604, () => 0x1C03).OnRead(0x704, () => 0x0001);
        AcpiPower.PowerOff(_machine.Tables);
        Assert.That(_ports.Writes, Is.EqualTo(new (ushort, uint)[]
        {
            (0x604, 0x1403), (0x604, 0x3403), (0x704, 0x1801), (0x704, 0x3801),
        }));
    }

    [Test]
    public void Where_acpi_mode_never_comes_the_wait_ends_and_the_write_is_tried()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt()).Find();
        _ports.OnRead(0x604, () => 0);
        AcpiPower.PowerOff(_machine.Tables);
        Assert.That(_ports.Writes.Last(), Is.EqualTo(((ushort)0x604, 0x2000u)));
        Assert.That(_ports.Reads, Is.LessThan(10_000_000));
    }

    [Test]
    public void Without_tables_no_port_is_touched()
    {
        _machine.Find();
        AcpiPower.PowerOff(_machine.Tables);
        AcpiPower.Reset(_machine.Tables);
        Assert.That((_ports.Reads, _ports.Writes.Count), Is.EqualTo((0, 0)));
    }

    [Test]
    public void The_reset_register_gets_its_value()
    {
        _machine.WithGoldenTables(AcpiMachine.Q35Fadt()).Find();
        AcpiPower.Reset(_machine.Tables);
        Assert.That(_ports.Writes, Is.EqualTo(new (ushort, uint)[] { (0xCF9, 0x0F) }));
    }

    [Test]
    public void Reduced_hardware_takes_type_and_enable_in_one_write()
    {
        BootTable fadt = AcpiMachine.Header("FACP", 6, 268).Put32(40, (uint)AcpiMachine.DsdtAt)
            .Put32(112, 1 << 20).Put8(244, 1).Put64(248, 0x704);
        _machine.WithGoldenTables(fadt);
        _machine.Write(AcpiMachine.DsdtAt, AcpiMachine.Definition("DSDT", "085f53355f 1206 04 0a05 000000"));
        _machine.Find();
        Assert.That(_machine.Tables->HasSoftOff, Is.True);
        AcpiPower.PowerOff(_machine.Tables);
        Assert.That(_ports.Writes, Is.EqualTo(new (ushort, uint)[] { (0x704, 0x34) }));
    }

    [Test]
    public void Tables_are_listed_for_the_program()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt()).Find();
        AcpiTable table;
        Assert.That(_machine.Tables->List.Count, Is.EqualTo(3));
        Assert.That(_machine.Tables->List.TryGet(2, &table), Is.True);
        Assert.That((table.PhysicalAddress, table.Signature), Is.EqualTo((AcpiMachine.DsdtAt, 0x54445344)));
        Assert.That(_machine.Tables->List.TryGet(3, &table), Is.False);
        Assert.That(_machine.Tables->List.TryGet(-1, &table), Is.False);
    }
}
