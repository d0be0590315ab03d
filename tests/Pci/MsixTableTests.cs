using System;
using System.Buffers.Binary;
using NUnit.Framework;
using VirtioGuest.Pci.Tests.Simulation;

namespace VirtioGuest.Pci.Tests;

public sealed class MsixTableTests
{
    private SimulatedMachine _machine = null!;
    private SimulatedFunction _function = null!;

    [SetUp]
    public void SetUp()
    {
        _machine = new SimulatedMachine();
        _function = _machine.Host.Root.Add(1, 0, new SimulatedFunction(0x1AF4, 0x1042));
        _function.WithMemory32(1, 0x1000, 0xE0000000).WithIo(0, 0x20, 0xC000).WithMemory32(2, 0x1000);
    }

    [Test]
    public void Open_masks_everything_and_leaves_the_pin_in_use()
    {
        uint place = _function.AddMsix(4, 1, 0x801);
        _function.Set16(place + 2, 0x8003);
        MsixTable table = Open()!;
        Assert.That(table.VectorCount, Is.EqualTo(4));
        Assert.That(table.IsEnabled, Is.False);
        Assert.That(table.IsFunctionMasked, Is.True);
        for (int vector = 0; vector < 4; vector++)
        {
            Assert.That(Word(vector, 12), Is.EqualTo(1));
            Assert.That(table.IsMasked(vector), Is.True);
        }

        Assert.That(_function.Command & 2, Is.EqualTo(2), "memory decode");
    }

    [Test]
    public void TryProgram_writes_address_and_data_of_its_vector_only()
    {
        _function.AddMsix(4, 1, 0x801);
        MsixTable table = Open()!;
        Assert.That(table.TryProgram(2, 0x1_FEE0_1004, 0xABCD1234), Is.True);
        Assert.That(Word(2, 0), Is.EqualTo(0xFEE01004));
        Assert.That(Word(2, 4), Is.EqualTo(1));
        Assert.That(Word(2, 8), Is.EqualTo(0xABCD1234));
        Assert.That(Word(2, 12), Is.EqualTo(1), "masked until told otherwise");
        Assert.That(Word(1, 0) | Word(1, 8) | Word(3, 0) | Word(3, 8), Is.Zero);
        table.Unmask(2);
        Assert.That(table.IsMasked(2), Is.False);
        table.Mask(2);
        Assert.That(table.IsMasked(2), Is.True);
    }

    [Test]
    public void TryProgram_a_device_that_does_not_take_it_false()
    {
        _function.AddMsix(1, 1, 0x801);
        MsixTable table = Open()!;
        _function.Command = 0;
        Assert.That(table.TryProgram(0, 0xFEE00000, 1), Is.False);
    }

    [TestCase(16u), TestCase(20u), TestCase(24u), TestCase(28u)]
    public void TryProgram_a_register_that_ignores_writes_false(uint offset)
    {
        _function.AddMsix(2, 1, 0x801);
        _function.Stuck.Add(offset);
        MsixTable table = Open()!;
        Assert.That(table.TryProgram(1, 0x1_FEE0_1004, 5), Is.False);
        Assert.That(table.TryProgram(0, 0x1_FEE0_1004, 5), Is.True);
    }

    [Test]
    public void TryProgram_an_address_that_is_no_multiple_of_4_false()
    {
        _function.AddMsix(1, 1, 0x801);
        Assert.That(Open()!.TryProgram(0, 0xFEE00002, 1), Is.False);
    }

    [TestCase(-1), TestCase(4)]
    public void Another_vector_than_there_are_is_a_bug(int vector)
    {
        _function.AddMsix(4, 1, 0x801);
        MsixTable table = Open()!;
        Assert.That(() => table.TryProgram(vector, 0, 0), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => table.Mask(vector), Throws.TypeOf<ArgumentOutOfRangeException>());
        Assert.That(() => table.IsPending(vector), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [Test]
    public void Masking_keeps_the_reserved_bits_of_vector_control()
    {
        _function.AddMsix(1, 1, 0x801);
        MsixTable table = Open()!;
        BinaryPrimitives.WriteUInt32LittleEndian(_function.Memory(1).AsSpan(12), 0xFF000001);
        table.Unmask(0);
        Assert.That(Word(0, 12), Is.EqualTo(0xFF000000));
    }

    [Test]
    public void Enable_turns_vectors_on_and_plain_messages_off()
    {
        uint msix = _function.AddMsix(1, 1, 0x801);
        uint msi = AddMsi();
        _function.Set16(msi + 2, 1);
        MsixTable table = Open()!;
        Assert.That(table.Enable(), Is.True);
        Assert.That(_function.Get16(msix + 2), Is.EqualTo(0x8000));
        Assert.That(_function.Get16(msi + 2) & 1, Is.Zero);
        table.IsFunctionMasked = true;
        Assert.That(_function.Get16(msix + 2), Is.EqualTo(0xC000));
        table.Disable();
        Assert.That(table.IsEnabled, Is.False);
    }

    [Test]
    public void Enable_a_device_that_does_not_take_it_false()
    {
        uint msix = _function.AddMsix(1, 1, 0x801);
        _function.Allow(msix + 2, 2, 0);
        Assert.That(Open()!.Enable(), Is.False);
    }

    [Test]
    public void IsPending_reads_the_bit_of_its_vector()
    {
        _function.AddMsix(100, 1, 0x801);
        MsixTable table = Open()!;
        _function.Memory(1)[0x800 + 12] = 4;
        Assert.That(table.IsPending(98), Is.True);
        Assert.That(table.IsPending(66), Is.False);
        Assert.That(table.IsPending(97), Is.False);
    }

    [Test]
    public void Table_and_pending_bits_may_be_in_different_registers()
    {
        _function.WithMemory32(3, 0x8000, 0xE0010000);
        _function.AddMsix(2048, 3, 0x101);
        MsixTable table = Open()!;
        Assert.That(table.VectorCount, Is.EqualTo(2048));
        Assert.That(table.TryProgram(2047, 0xFEE00000, 7), Is.True);
        Assert.That(_function.Memory(3)[0x7FF8], Is.EqualTo(7));
    }

    [TestCase(0xFF1u, 0x801u, Description = "the table ends beyond its register")]
    [TestCase(0x1001u, 0x801u, Description = "the table begins beyond its register")]
    [TestCase(0xFFFFFFF9u, 0x801u, Description = "the offset wraps around")]
    [TestCase(0x001u, 0xFF9u + 8, Description = "the pending bits are beyond their register")]
    [TestCase(0x000u, 0x801u, Description = "in ports")]
    [TestCase(0x002u, 0x801u, Description = "in an unassigned register")]
    [TestCase(0x004u, 0x801u, Description = "in a register that is not there")]
    [TestCase(0x007u, 0x801u, Description = "in a register that cannot be")]
    public void Open_a_table_that_is_not_in_memory_null_and_named(uint table, uint pending)
    {
        _function.AddMsix(2, table, pending);
        Assert.That(Open(), Is.Null);
        Assert.That(_machine.Messages.Warnings, Has.Exactly(1).StartsWith("00:01.0: the MSI-X table"));
    }

    [Test]
    public void Open_a_capability_that_is_cut_short_null_and_named()
    {
        _function.Space[0x34] = 0xFC;
        _function.Set16(0x06, 0x10);
        _function.Space[0xFC] = 0x11;
        Assert.That(Open(), Is.Null);
        Assert.That(_machine.Messages.Warnings, Has.Count.EqualTo(1));
    }

    [Test]
    public void Open_without_the_capability_null_and_not_named()
    {
        Assert.That(Open(), Is.Null);
        Assert.That(_machine.Messages.Warnings, Is.Empty);
    }

    [Test]
    public void Open_machine_cannot_map_null_and_named()
    {
        _function.AddMsix(1, 1, 0x801);
        _machine.CanMap = false;
        Assert.That(Open(), Is.Null);
        Assert.That(_machine.Messages.Warnings, Has.Count.EqualTo(1));
    }

    private uint AddMsi()
    {
        uint place = _function.AddCapability(0x05, new byte[8]);
        _function.Allow(place + 2, 2, 0x71);
        return place;
    }

    private MsixTable? Open() => MsixTable.Open(_machine.Discover().Functions[0], _machine);

    private uint Word(int vector, int offset) =>
        BinaryPrimitives.ReadUInt32LittleEndian(_function.Memory(1).AsSpan((16 * vector) + offset));
}
