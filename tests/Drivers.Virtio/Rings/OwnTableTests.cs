using System;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Simulation;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>Buffers whose indirect table is the caller's own (virtio 1.4, 2.7.5.3 and 2.8.7).</summary>
public class OwnTableTests
{
    private const int Size = 4;
    private const ushort Next = 1;
    private const ushort Write = 2;

    [Test]
    public void A_table_is_one_descriptor_and_comes_back_with_its_length(
        [ValueSource(typeof(QueueForms), nameof(QueueForms.Formats))] Features format)
    {
        using SimulatedDma memory = new SimulatedDma();
        Virtqueue queue = Create(memory, format | Features.IndirectDesc, out DeviceQueue device);
        DmaMemory data = memory.Allocate(64, 64)!;
        DmaMemory table = memory.Allocate(2 * 16, 16)!;
        Put(table, format, 0, data.Segment(0, 8), false);
        Put(table, format, 1, data.Segment(8, 16), true);
        for (int i = 0; i < 3 * Size; i++)
        {
            data.Bytes(0, 8).Fill((byte)(i + 1));
            Assert.That(queue.TryAddTable(table.Segment(0, 32), 16, i), Is.EqualTo(AddStatus.Ok));
            Assert.That(queue.FreeDescriptors, Is.EqualTo(Size - 1));
            DeviceChain chain = device.TryPop()!;
            Assert.That((chain.ReadableLength, chain.WritableLength), Is.EqualTo((8UL, 16UL)));
            byte[] read = new byte[8];
            Assert.That(chain.TryRead(0, read), Is.True);
            Assert.That(read, Is.All.EqualTo(i + 1));
            device.Push(chain, 5);
            device.Publish();
            Assert.That(queue.TryGetUsed(out int token, out uint written), Is.True);
            Assert.That((token, written), Is.EqualTo((i, 5u)));
        }

        Assert.That(device.Error, Is.EqualTo(QueueError.None));
        Assert.That(queue.FreeDescriptors, Is.EqualTo(Size));
    }

    [Test]
    public void A_length_beyond_what_the_caller_said_is_cut_to_it(
        [ValueSource(typeof(QueueForms), nameof(QueueForms.Formats))] Features format)
    {
        using SimulatedDma memory = new SimulatedDma();
        Virtqueue queue = Create(memory, format | Features.IndirectDesc, out DeviceQueue device);
        DmaMemory table = memory.Allocate(16, 16)!;
        DmaMemory data = memory.Allocate(64, 64)!;
        Put(table, format, 0, data.Segment(0, 64), true);
        Assert.That(queue.TryAddTable(table.Segment(0, 16), 10, 1), Is.EqualTo(AddStatus.Ok));
        device.Push(device.TryPop()!, 11);
        device.Publish();
        Assert.That(queue.TryGetUsed(out _, out uint written), Is.True);
        Assert.That((written, queue.LengthsClamped, queue.Fault), Is.EqualTo((10u, 1UL, QueueFault.None)));
        Assert.That(queue.TryAddTable(table.Segment(0, 16), 10, 1), Is.EqualTo(AddStatus.Ok));
    }

    [Test]
    public void What_is_no_table_is_refused_and_so_is_one_too_many(
        [ValueSource(typeof(QueueForms), nameof(QueueForms.Formats))] Features format)
    {
        using SimulatedDma memory = new SimulatedDma();
        DmaSegment one = new DmaSegment(0x1000, 16);
        Virtqueue plain = Create(memory, format, out _);
        Assert.That(plain.TryAddTable(one, 1, 1), Is.EqualTo(AddStatus.Invalid), "INDIRECT_DESC was not negotiated");
        Virtqueue queue = Create(memory, format | Features.IndirectDesc, out _);
        foreach (uint length in new uint[] { 0, 8, 17, 16 * (Size + 1), uint.MaxValue & ~15u })
        {
            Assert.That(queue.TryAddTable(new DmaSegment(0x1000, length), 1, 1), Is.EqualTo(AddStatus.Invalid));
        }

        for (int i = 0; i < Size; i++)
        {
            Assert.That(queue.TryAddTable(new DmaSegment(0x1000, 16 * Size), 1, i), Is.EqualTo(AddStatus.Ok));
        }

        Assert.That(queue.TryAddTable(one, 1, 9), Is.EqualTo(AddStatus.Full));
        Assert.That(queue.InFlight, Is.EqualTo(Size));
    }

    private static Virtqueue Create(SimulatedDma memory, Features features, out DeviceQueue device)
    {
        Virtqueue queue = Virtqueue.TryCreate(memory, 0, Size, features)!;
        device = DeviceQueue.TryOpen(
            memory.GuestMemory,
            new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea),
            Size,
            (ulong)features,
            out _)!;
        return queue;
    }

    /// <summary>Writes a descriptor of a table of two in the layout of the format.</summary>
    private static void Put(DmaMemory table, Features format, uint place, DmaSegment segment, bool isWritable)
    {
        Span<byte> descriptor = table.Bytes(16 * place, 16);
        BitConverter.TryWriteBytes(descriptor, segment.DeviceAddress);
        BitConverter.TryWriteBytes(descriptor[8..], segment.Length);
        int flags = isWritable ? Write : 0;
        bool hasNext = table.Length > 16 && place == 0;
        if (format == Features.None)
        {
            flags |= hasNext ? Next : 0;
            BitConverter.TryWriteBytes(descriptor[12..], (ushort)flags);
            BitConverter.TryWriteBytes(descriptor[14..], (ushort)(hasNext ? 1 : 0));
        }
        else
        {
            BitConverter.TryWriteBytes(descriptor[14..], (ushort)flags);
        }
    }
}
