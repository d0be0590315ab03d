using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using NUnit.Framework;
using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Interrupts;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
[NonParallelizable]
internal sealed unsafe class MultiprocessorTableTests
{
    private const int Table = 0x9_F800;
    private FakeMemory _memory = null!;

    [SetUp]
    public void SetUp() => _memory = new FakeMemory(0x10_0000);

    [TearDown]
    public void TearDown() => _memory.Dispose();

    [TestCase(0x9_FC00, TestName = "A_table_at_the_end_of_base_memory_is_found")]
    [TestCase(0xF_5AB0, TestName = "A_table_in_the_BIOS_is_found")]
    public void Where(int pointer)
    {
        Write(pointer);
        InterruptDescription found = Read(out bool isThere);

        Assert.That(isThere, Is.True);
        Assert.That(found.LocalApicAddress, Is.EqualTo(0xFEE0_0000));
        Assert.That(found.Processors, Is.EqualTo(1), "one of two is enabled");
        Assert.That(found.IoApics, Is.EqualTo(2));
        IoApicDescription ioApic;
        Assert.That(found.TryGetIoApic(1, &ioApic), Is.True);
        Assert.That(ioApic.Address, Is.EqualTo(0xFEC1_0000));
        Assert.That(ioApic.FirstInterrupt, Is.EqualTo(IoApicDescription.AfterPrevious));
        Assert.That(found.GlobalInterruptOf(0, out _), Is.EqualTo(2));
        Assert.That(found.GlobalInterruptOf(9, out ushort flags), Is.EqualTo(9));
        Assert.That(flags, Is.EqualTo(0xF));
        Assert.That(found.GlobalInterruptOf(10, out flags), Is.EqualTo(10), "PCI's entries are not ISA's");
        Assert.That(flags, Is.Zero);
    }

    [Test]
    public void Nothing_is_read_where_there_is_no_table()
    {
        InterruptDescription found = Read(out bool isThere);
        Assert.That(isThere, Is.False);
        Assert.That(found.IoApics, Is.Zero);
    }

    [Test]
    public void No_broken_byte_leads_astray()
    {
        Write(0xF_0000);
        byte[] whole = _memory.Bytes.Slice(Table, 0x100).ToArray();
        for (int i = 0; i < whole.Length; i++)
        {
            _memory.Bytes[Table + i] ^= 0x81;
            InterruptDescription found = Read(out bool isThere);
            Assert.That(isThere, Is.EqualTo(i >= TableLength), $"byte {i}");
            Assert.That(found.IoApics, Is.LessThanOrEqualTo(InterruptDescription.IoApicCapacity));
            _memory.Bytes[Table + i] = whole[i];
        }
    }

    [Test]
    public void An_entry_of_an_unknown_kind_ends_the_table()
    {
        Write(0xF_0000, [99, 0, 0, 0, 0, 0, 0, 0]);
        Assert.That(Read(out _).IoApics, Is.Zero);
    }

    private int TableLength { get; set; }

    private static InterruptDescription Read(out bool isThere)
    {
        var description = default(InterruptDescription);
        isThere = MultiprocessorTable.Read(&description);
        return description;
    }

    private void Write(int pointer, byte[]? first = null)
    {
        var table = new List<byte>(new byte[44]);
        table.AddRange(first ?? []);
        table.AddRange([0, 0, 0x14, 3, .. new byte[16]]);
        table.AddRange([0, 1, 0x14, 0, .. new byte[16]]);
        table.AddRange([1, 0, .. "PCI   "u8]);
        table.AddRange([1, 7, .. "ISA   "u8]);
        table.AddRange([2, 4, 0x11, 1, 0, 0, 0xC0, 0xFE]);
        table.AddRange([2, 5, 0x11, 0, 0, 0, 0xC2, 0xFE]);
        table.AddRange([2, 6, 0x11, 1, 0, 0, 0xC1, 0xFE]);
        table.AddRange([3, 0, 0, 0, 7, 0, 4, 2]);
        table.AddRange([3, 0, 0xF, 0, 7, 9, 4, 9]);
        table.AddRange([3, 0, 0xF, 0, 0, 10, 4, 21]);
        table.AddRange([3, 3, 0, 0, 7, 0, 4, 0]);
        table.AddRange([4, 1, 0, 0, 7, 0, 0xFF, 1]);
        TableLength = table.Count;
        Span<byte> bytes = CollectionsMarshal.AsSpan(table);
        "PCMP"u8.CopyTo(bytes);
        BitConverter.TryWriteBytes(bytes[4..], (ushort)table.Count);
        BitConverter.TryWriteBytes(bytes[36..], 0xFEE0_0000u);
        bytes[7] = Complement(bytes);
        bytes.CopyTo(_memory.Bytes[Table..]);

        Span<byte> place = _memory.Bytes.Slice(pointer, 16);
        place.Clear();
        "_MP_"u8.CopyTo(place);
        BitConverter.TryWriteBytes(place[4..], Table);
        place[8] = 1;
        place[9] = 4;
        place[10] = Complement(place);
    }

    private static byte Complement(ReadOnlySpan<byte> bytes)
    {
        byte sum = 0;
        foreach (byte value in bytes)
        {
            sum += value;
        }

        return (byte)-sum;
    }
}
