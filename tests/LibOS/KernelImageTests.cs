using System;
using System.Buffers.Binary;
using NUnit.Framework;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
internal sealed unsafe class KernelImageTests
{
    private const ulong MemoryLength = 4 << 20;
    private const ulong ImageStart = 0x100_0000;
    private const uint Executable = 1;
    private const uint Writable = 2;
    private const uint Readable = 4;

    private FakeMemory _memory = null!;
    private byte[] _records = null!;
    private Tables[] _tables = null!;

    [SetUp]
    public void CreateTables()
    {
        _memory = new FakeMemory(MemoryLength);
        _records = GC.AllocateArray<byte>((int)(MemoryLength >> Frame.Shift), pinned: true);
        _tables = GC.AllocateArray<Tables>(1, pinned: true);
        fixed (byte* records = _records)
        fixed (Tables* tables = _tables)
        {
            tables->Frames.Initialize(MemoryLength >> Frame.Shift, records);
            tables->Frames.Add(0x10_0000, MemoryLength);
            tables->Pages.Initialize(&tables->Frames, hasNoExecute: true);
        }
    }

    [TearDown]
    public void FreeTables() => _memory.Dispose();

    [Test]
    public void Each_segment_gets_its_own_rights_and_never_write_with_execute()
    {
        Assert.That(Map((0x100_0000, 0x1800, Readable), (0x100_2000, 0x1000, Readable | Executable),
            (0x100_3010, 0x2000, Readable | Writable)), Is.True);

        Assert.That(Rights(0x100_0000), Is.EqualTo("r--"));
        Assert.That(Rights(0x100_1000), Is.EqualTo("r--"));
        Assert.That(Rights(0x100_2000), Is.EqualTo("r-x"));
        Assert.That(Rights(0x100_3000), Is.EqualTo("rw-"));
        Assert.That(Rights(0x100_5000), Is.EqualTo("rw-"));
        Assert.That(Rights(0x100_6000), Is.EqualTo("none"));
    }

    [Test]
    public void A_segment_with_write_and_execute_is_refused()
    {
        Assert.That(Map((0x100_0000, 0x1000, Readable | Writable | Executable)), Is.False);
    }

    [Test]
    public void A_segment_below_the_image_is_left_out()
    {
        Assert.That(Map((0x6_0000, 0x1000, Readable | Executable), (ImageStart, 0x1000, Readable)), Is.True);

        Assert.That(Rights(0x6_0000), Is.EqualTo("none"));
        Assert.That(Rights(ImageStart), Is.EqualTo("r--"));
    }

    private bool Map(params (ulong Address, ulong Length, uint Flags)[] segments)
    {
        var image = new byte[64 + (56 * (segments.Length + 1))];
        BinaryPrimitives.WriteUInt64LittleEndian(image.AsSpan(32), 64);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(54), 56);
        BinaryPrimitives.WriteUInt16LittleEndian(image.AsSpan(56), (ushort)(segments.Length + 1));
        for (int i = 0; i < segments.Length; i++)
        {
            Span<byte> header = image.AsSpan(64 + (56 * i));
            BinaryPrimitives.WriteUInt32LittleEndian(header, 1);
            BinaryPrimitives.WriteUInt32LittleEndian(header[4..], segments[i].Flags);
            BinaryPrimitives.WriteUInt64LittleEndian(header[16..], segments[i].Address);
            BinaryPrimitives.WriteUInt64LittleEndian(header[40..], segments[i].Length);
        }

        // A header of another kind that claims everything: it is to be passed over.
        Span<byte> note = image.AsSpan(64 + (56 * segments.Length));
        BinaryPrimitives.WriteUInt32LittleEndian(note, 4);
        BinaryPrimitives.WriteUInt64LittleEndian(note[40..], ulong.MaxValue);

        fixed (byte* header = image)
        fixed (Tables* tables = _tables)
        {
            return KernelImage.Map(header, ImageStart, &tables->Pages);
        }
    }

    private string Rights(ulong address)
    {
        ulong* entry = _tables[0].Pages.Entry(address, create: false);
        if (entry == null || (*entry & PageFlags.Present) == 0)
        {
            return "none";
        }

        Assert.That(*entry & PageFlags.AddressMask, Is.EqualTo(address & ~0xFFFul));
        string write = (*entry & PageFlags.Writable) != 0 ? "w" : "-";
        string execute = (*entry & PageFlags.NoExecute) != 0 ? "-" : "x";
        return "r" + write + execute;
    }

    private struct Tables
    {
        public FrameAllocator Frames;
        public PageTable Pages;
    }
}
