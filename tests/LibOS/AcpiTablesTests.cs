using NUnit.Framework;
using VirtioGuest.LibOS.Acpi;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed unsafe class AcpiTablesTests
{
    private AcpiMachine _machine = null!;

    [SetUp]
    public void SetUp() => _machine = new AcpiMachine();

    [TearDown]
    public void TearDown() => _machine.Dispose();

    [Test]
    public void The_tables_of_qemu_pc_are_read()
    {
        Assert.That(_machine.WithGoldenTables(AcpiMachine.PcFadt()).Find(), Is.EqualTo(AcpiStatus.Ok));
        FixedDescription description = _machine.Tables->Fixed;
        Assert.Multiple(() =>
        {
            Assert.That(description.IsPresent, Is.True);
            Assert.That(description.Pm1aControl, Is.EqualTo(0x604));
            Assert.That(description.Pm1bControl, Is.Zero);
            Assert.That(description.SmiCommandPort, Is.EqualTo(0xB2));
            Assert.That(description.AcpiEnable, Is.EqualTo(0xF1));
            Assert.That(description.TimerPort, Is.EqualTo(0x608));
            Assert.That(description.TimerBits, Is.EqualTo(24));
            Assert.That(description.Reset.IsPresent, Is.False);
            Assert.That(description.CenturyRegister, Is.EqualTo(0x32));
            Assert.That(description.HasBootFlags, Is.False);
            Assert.That(description.MayHaveKeyboardController, Is.True);
            Assert.That(description.MayHaveVga, Is.True);
            Assert.That(_machine.Tables->HasSoftOff, Is.True);
        });
    }

    [Test]
    public void The_tables_of_qemu_q35_are_read()
    {
        Assert.That(_machine.WithGoldenTables(AcpiMachine.Q35Fadt()).Find(), Is.EqualTo(AcpiStatus.Ok));
        FixedDescription description = _machine.Tables->Fixed;
        Assert.Multiple(() =>
        {
            Assert.That(description.Pm1aControl, Is.EqualTo(0x604));
            Assert.That(description.TimerPort, Is.EqualTo(0x608));
            Assert.That(description.Reset.Address, Is.EqualTo(0xCF9));
            Assert.That(description.ResetValue, Is.EqualTo(0x0F));
            Assert.That(description.HasBootFlags, Is.True);
            Assert.That(description.MayHaveKeyboardController, Is.True);
            Assert.That(description.MayHaveRealTimeClock, Is.True);
            Assert.That(description.MayUseMessages, Is.True);
            Assert.That(_machine.Tables->HasSoftOff, Is.True);
        });
    }

    [Test]
    public void The_interrupt_controllers_are_listed()
    {
        _machine.WithGoldenTables(AcpiMachine.Q35Fadt()).Find();
        InterruptDescription* interrupts = &_machine.Tables->Interrupts;
        IoApicDescription ioApic;
        Assert.That(interrupts->TryGetIoApic(0, &ioApic), Is.True);
        Assert.That(interrupts->GlobalInterruptOf(0, out ushort timerFlags), Is.EqualTo(2));
        Assert.That(interrupts->GlobalInterruptOf(9, out ushort sciFlags), Is.EqualTo(9));
        Assert.That(interrupts->GlobalInterruptOf(4, out ushort serialFlags), Is.EqualTo(4));
        Assert.That((timerFlags, sciFlags, serialFlags), Is.EqualTo((0, 0x0D, 0)));
        Assert.That(ioApic.Address, Is.EqualTo(0xFEC0_0000));
        Assert.That(interrupts->TryGetIoApic(1, &ioApic), Is.False);
        Assert.That(interrupts->TryGetIoApic(-1, &ioApic), Is.False);
        Assert.That(interrupts->LocalApicAddress, Is.EqualTo(0xFEE0_0000));
        Assert.That(interrupts->HasLegacyControllers, Is.True);
        Assert.That(interrupts->Processors, Is.EqualTo(1));
        Assert.That(interrupts->IsCut, Is.False);
    }

    [Test]
    public void The_boot_flags_can_deny_hardware()
    {
        _machine.WithGoldenTables(AcpiMachine.Q35Fadt().Put16(109, 0x2C)).Find();
        FixedDescription description = _machine.Tables->Fixed;
        Assert.Multiple(() =>
        {
            Assert.That(description.MayHaveKeyboardController, Is.False);
            Assert.That(description.MayHaveVga, Is.False);
            Assert.That(description.MayUseMessages, Is.False);
            Assert.That(description.MayHaveRealTimeClock, Is.False);
        });
    }

    [Test]
    public void A_wide_timer_is_known_as_such()
    {
        _machine.WithGoldenTables(AcpiMachine.Q35Fadt().Put32(112, 0x85A5)).Find();
        Assert.That(_machine.Tables->Fixed.TimerBits, Is.EqualTo(32));
    }

    [Test]
    public void Hardware_that_is_no_port_is_left_out()
    {
        // A reset register in memory, a timer of the wrong length, a control block in memory behind a good old field.
        BootTable fadt = AcpiMachine.Q35Fadt().Put8(116, 0).Put8(91, 0).Put8(172, 0);
        _machine.WithGoldenTables(fadt).Find();
        Assert.That(_machine.Tables->Fixed.Reset.IsPort, Is.False);
        Assert.That(_machine.Tables->Fixed.TimerPort, Is.Zero);
        Assert.That(_machine.Tables->Fixed.Pm1aControl, Is.EqualTo(0x604));
    }

    [Test]
    public void A_port_beyond_64_kb_is_no_port()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt().Put32(64, 0x1_0604)).Find();
        Assert.That(_machine.Tables->HasSoftOff, Is.False);
    }

    [Test]
    public void Reduced_hardware_has_no_control_ports()
    {
        _machine.WithGoldenTables(AcpiMachine.Q35Fadt().Put8(8, 5).Put32(112, 1u << 20)).Find();
        Assert.That(_machine.Tables->Fixed.IsHardwareReduced, Is.True);
        Assert.That(_machine.Tables->HasSoftOff, Is.False);
    }

    [Test]
    public void Without_a_pointer_there_is_no_acpi() =>
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.NoRootPointer));

    [Test]
    public void The_pointer_is_found_in_the_extended_bios_area()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.Fill(AcpiMachine.PointerAt, 20, 0);
        _machine.WriteRaw(0x40E, [0xC0, 0x9F]);
        _machine.WriteOldPointer(0x9_FFF0);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.NoRootPointer), "outside the first KB");
        _machine.WriteRaw(0x40E, [0xC0, 0x9B]);
        _machine.WriteOldPointer(0x9_BFC0);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
    }

    [Test]
    public void Under_uefi_nothing_is_searched()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.Information->IsUefi = true;
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.NoRootPointer));
    }

    [Test]
    public void The_named_pointer_and_the_copied_one_are_used()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.Fill(AcpiMachine.PointerAt, 20, 0);
        _machine.Information->IsUefi = true;
        _machine.WriteOldPointer(0x7FE_5001);
        _machine.Information->RootPointer = 0x7FE_5001;
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));

        _machine.Information->RootPointer = 0xFFFF_FFFF_FFFF_FFFF;
        byte[] copy = AcpiMachine.OldPointer().ToArray();
        for (int index = 0; index < copy.Length; index++)
        {
            _machine.Information->RootPointerCopy[index] = copy[index];
        }

        _machine.Information->RootPointerCopyLength = 20;
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
    }

    [Test]
    public void A_wrong_checksum_is_no_pointer()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.WriteRaw(AcpiMachine.PointerAt + 9, [0]);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.NoRootPointer));
    }

    [Test]
    public void The_xsdt_is_preferred_and_the_rsdt_steps_in()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        const ulong XsdtAt = 0x7FE_6000;
        _machine.WriteRaw(AcpiMachine.PointerAt, AcpiMachine.NewPointer(AcpiMachine.RootAt, XsdtAt));
        _machine.WriteXsdt(XsdtAt, AcpiMachine.MadtAt);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        Assert.That(_machine.Tables->Fixed.IsPresent, Is.False, "only the XSDT counts where there is one");

        _machine.Fill(XsdtAt + 9, 1, 0x55);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        Assert.That(_machine.Tables->Fixed.IsPresent, Is.True);
    }

    [Test]
    public void A_wrong_second_checksum_leaves_the_rsdt()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        const ulong XsdtAt = 0x7FE_6000;
        _machine.WriteRaw(AcpiMachine.PointerAt, AcpiMachine.NewPointer(AcpiMachine.RootAt, XsdtAt).Put8(33, 1));
        _machine.WriteXsdt(XsdtAt);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        Assert.That(_machine.Tables->Fixed.IsPresent, Is.True);
    }

    [TestCase(0x7FE_2000UL + 4, (byte)35)]
    [TestCase(0x7FE_2000UL + 9, (byte)0x5A)]
    [TestCase(0x7FE_2000UL, (byte)'X')]
    [TestCase(0x7FE_2000UL + 7, (byte)0xFF)]
    public void A_root_table_out_of_order_is_refused(ulong at, byte value)
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.Fill(at, 1, value);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.NoRootTable));
    }

    [Test]
    public void A_table_out_of_order_is_passed_over()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.Fill(AcpiMachine.FadtAt + 70, 1, 1);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        Assert.That(_machine.Tables->Fixed.IsPresent, Is.False);
        Assert.That(_machine.Tables->Interrupts.IsPresent, Is.True);
    }

    [Test]
    public void A_root_table_that_points_to_itself_and_nowhere_ends()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.WriteRsdt(AcpiMachine.RootAt, 0, 0xFFFF_FFFF, AcpiMachine.FadtAt, AcpiMachine.FadtAt);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        Assert.That(_machine.Tables->HasSoftOff, Is.True);
    }

    [Test]
    public void More_tables_than_any_machine_has_are_not_all_read()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.Write(0x7FE_8000, AcpiMachine.PcFadt());
        ulong[] tables = new ulong[257];
        tables[256] = 0x7FE_8000;
        _machine.WriteRsdt(tables);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        Assert.That(_machine.Tables->Fixed.IsPresent, Is.False);

        _machine.WriteRsdt(tables[1..]);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        Assert.That(_machine.Tables->Fixed.IsPresent, Is.True);
    }

    [Test]
    public void Soft_off_is_found_in_a_secondary_table_too()
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.Write(AcpiMachine.DsdtAt, AcpiMachine.Definition("DSDT", "00"));
        _machine.Write(AcpiMachine.SsdtAt, AcpiMachine.Definition("SSDT", "08 5f53355f 1206 02 0a05 0a06"));
        _machine.WriteRsdt(AcpiMachine.SsdtAt, AcpiMachine.FadtAt);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        Assert.That(_machine.Tables->HasSoftOff, Is.True);
        Assert.That(_machine.Tables->SoftOff.SleepTypeA, Is.EqualTo(5));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(200)]
    public void An_interrupt_entry_with_a_wrong_length_ends_the_list(int length)
    {
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.Write(AcpiMachine.MadtAt, AcpiMachine.Madt().Put8(44 + 8 + 1, (byte)length));
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        Assert.That(_machine.Tables->Interrupts.IsCut, Is.True);
        Assert.That(_machine.Tables->Interrupts.Processors, Is.EqualTo(1));
        Assert.That(_machine.Tables->Interrupts.IoApics, Is.Zero);
    }

    [Test]
    public void Entries_beyond_the_room_are_counted()
    {
        BootTable madt = AcpiMachine.Madt();
        for (int index = 0; index < 40; index++)
        {
            madt.Add8(1, 12, (byte)index, 0).Add32(0xFED0_0000).Add32(24).Add8(2, 10, 0, 15).Add32(15).Add16(0);
        }

        madt.Add8(5, 12, 0, 0).Add64(0xFEE1_0000);
        _machine.WithGoldenTables(AcpiMachine.PcFadt());
        _machine.Write(AcpiMachine.MadtAt, madt);
        Assert.That(_machine.Find(), Is.EqualTo(AcpiStatus.Ok));
        InterruptDescription* interrupts = &_machine.Tables->Interrupts;
        Assert.That(interrupts->IoApics, Is.EqualTo(InterruptDescription.IoApicCapacity));
        Assert.That(interrupts->Overrides, Is.EqualTo(InterruptDescription.OverrideCapacity));
        Assert.That(
            interrupts->Ignored,
            Is.EqualTo(83 + 1 - InterruptDescription.IoApicCapacity - InterruptDescription.OverrideCapacity));
        Assert.That(interrupts->LocalApicAddress, Is.EqualTo(0xFEE1_0000));
    }
}
