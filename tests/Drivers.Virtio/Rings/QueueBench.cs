using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>
/// A queue of any format with the device's side of it, which is strict; and the ring's memory as the device sees it,
/// for what no device model does.
/// </summary>
internal sealed class QueueBench : IDisposable
{
    private const ulong DescriptorLength = 16;
    private const ulong UsedElementLength = 8;
    private const ushort Wrap = 1 << 15;

    private readonly Features _features;
    private bool _isInterruptDue;

    public QueueBench(int size, Features features, int tableLength = 0, bool isCoherent = false)
    {
        _features = features;
        Memory = new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = !isCoherent });
        Queue = Virtqueue.TryCreate(Memory, 0, size, features, new ChainShape(tableLength))!;
        Raw = new RingMemory(Memory, audits: false, isEndless: false);
        RingMemory memory = new RingMemory(Memory, audits: !isCoherent, isEndless: true);
        Device = DeviceQueue.TryOpen(memory, Areas, size, (ulong)features, out QueueError error)!;
        Assert.That(error, Is.EqualTo(QueueError.None));
        Device.IsStrict = true;
    }

    public SimulatedDma Memory { get; }

    public Virtqueue Queue { get; }

    public DeviceQueue Device { get; }

    public QueueAreas Areas => new QueueAreas(Queue.DescriptorArea, Queue.DriverArea, Queue.DeviceArea);

    /// <summary>The memory for devices that keep no rules: nobody audits what they do.</summary>
    public RingMemory Raw { get; }

    public bool IsPacked => (_features & Features.RingPacked) != 0;

    /// <summary>
    /// Whether the driver wants used buffer notifications at all; with EVENT_IDX see <see cref="IsInterruptDue"/>.
    /// </summary>
    public bool DriverWantsInterrupts =>
        IsPacked ? Peek16(Queue.DriverArea + 2) != 1 : Peek16(Queue.DriverArea) == 0;

    public static QueueBench Packed(int size, Features features = Features.None, int tableLength = 0) =>
        new QueueBench(size, features | Features.RingPacked, tableLength);

    public static QueueBench Split(
        int size, Features features = Features.None, int tableLength = 0, bool isCoherent = false) =>
        new QueueBench(size, features & ~Features.RingPacked, tableLength, isCoherent);

    /// <summary>Segments that can be told apart, with lengths from 1 on.</summary>
    public static DmaSegment[] Segments(int count, int tag)
    {
        DmaSegment[] segments = new DmaSegment[count];
        for (int i = 0; i < count; i++)
        {
            segments[i] = new DmaSegment(((ulong)tag << 32) | (uint)(i << 12), (uint)(i + 1));
        }

        return segments;
    }

    public AddStatus Add(int readable, int writable, int token) =>
        Queue.TryAdd(Segments(readable, token * 2), Segments(writable, (token * 2) + 1), token);

    /// <summary>Takes the next buffer at the device and compares it with what was added.</summary>
    public DeviceChain TakeExpecting(int readable, int writable, int token)
    {
        DeviceChain chain = Take();
        List<ChainElement> expected = new List<ChainElement>();
        foreach (DmaSegment segment in Segments(readable, token * 2))
        {
            expected.Add(new ChainElement(segment.DeviceAddress, segment.Length, false));
        }

        foreach (DmaSegment segment in Segments(writable, (token * 2) + 1))
        {
            expected.Add(new ChainElement(segment.DeviceAddress, segment.Length, true));
        }

        Assert.That(chain.Elements.ToArray(), Is.EqualTo(expected));
        Assert.That(chain.Slots, Is.EqualTo(IsPacked ? DescriptorsOf(chain) : 1));
        return chain;
    }

    public DeviceChain Take() =>
        Device.TryPop() ?? throw new InvalidOperationException($"nothing is available: {Device.Error}");

    /// <summary>How many descriptors of the ring a buffer has.</summary>
    public static int DescriptorsOf(DeviceChain chain) => chain.IsIndirect ? 1 : chain.Elements.Length;

    /// <summary>Gives a buffer back with any length. QEMU never sets WRITE in a packed ring; others do.</summary>
    public void Use(DeviceChain chain, uint length, bool setWrite = false)
    {
        if (Device is PackedDeviceQueue packed)
        {
            packed.MarksWritten = setWrite;
        }

        Push(chain, length);
        _isInterruptDue |= Device.Publish(merge: false);
    }

    /// <summary>
    /// Gives buffers back, taken one after the other, with one used element: only with IN_ORDER. All but the last are
    /// written whole.
    /// </summary>
    public void UseBatch(IReadOnlyList<DeviceChain> batch, uint lastLength)
    {
        for (int i = 0; i < batch.Count - 1; i++)
        {
            Device.Push(batch[i], (uint)batch[i].WritableLength);
        }

        Push(batch[^1], lastLength);
        _isInterruptDue |= Device.Publish(merge: true);
    }

    /// <summary>Whether the driver wants to be told of what was used since the last time that this was asked.</summary>
    public bool IsInterruptDue()
    {
        bool isDue = _isInterruptDue;
        _isInterruptDue = false;
        return isDue;
    }

    /// <summary>Asks for no available buffer notification, or for all.</summary>
    public void SuppressNotifications(bool suppressed)
    {
        if (IsPacked)
        {
            Poke16(Queue.DeviceArea + 2, suppressed ? (ushort)1 : (ushort)0);
        }
        else if ((_features & Features.EventIdx) != 0)
        {
            AskForNotificationAt(suppressed ? -1 : 0);
        }
        else
        {
            Poke16(Queue.DeviceArea, suppressed ? (ushort)1 : (ushort)0);
        }
    }

    /// <summary>Asks for the notification of one buffer, with EVENT_IDX.</summary>
    /// <param name="ahead">
    /// 0 for what the driver adds next as far as the device has taken; more for later ones: descriptors in a packed
    /// ring, buffers in a split one.
    /// </param>
    public void AskForNotificationAt(int ahead)
    {
        var next = Device.NextAvailable;
        if (!IsPacked)
        {
            int index = next.Offset | (next.Wrap ? Wrap : 0);
            SetAvailableEvent((ushort)(index + ahead));
            return;
        }

        int position = (next.Offset + (next.Wrap ? 0 : Queue.Size) + ahead) % (2 * Queue.Size);
        int word = position < Queue.Size ? position | Wrap : position - Queue.Size;
        SetNotification((ushort)word, 2);
    }

    /// <summary>What the device writes into the event area of a packed ring: descriptor and flags.</summary>
    public void SetNotification(ushort descriptor, ushort flags)
    {
        Poke16(Queue.DeviceArea, descriptor);
        Poke16(Queue.DeviceArea + 2, flags);
    }

    /// <summary>Writes <c>avail_event</c> of a split ring.</summary>
    public void SetAvailableEvent(ushort index) =>
        Poke16(Queue.DeviceArea + 4 + (UsedElementLength * (ulong)Queue.Size), index);

    /// <summary>Writes the flags of a descriptor of a packed ring.</summary>
    public void SetDescriptorFlags(int slot, ushort flags) =>
        Poke16(Queue.DescriptorArea + ((ulong)slot * DescriptorLength) + 14, flags);

    /// <summary>Writes <c>flags</c> of the used ring of a split queue.</summary>
    public void SetUsedFlags(ushort flags) => Poke16(Queue.DeviceArea, flags);

    /// <summary>Writes <c>idx</c> of the used ring of a split queue.</summary>
    public void SetUsedIndex(ushort index) => Poke16(Queue.DeviceArea + 2, index);

    /// <summary>Writes an element of the used ring of a split queue, which the index does not count yet.</summary>
    public void SetUsedElement(int index, uint id, uint length)
    {
        byte[] element = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(element, id);
        BinaryPrimitives.WriteUInt32LittleEndian(element.AsSpan(4), length);
        Write(Memory.GuestMemory, Queue.DeviceArea + 4 + (UsedElementLength * (ulong)index), element);
    }

    /// <summary>Writes length and ID of a packed descriptor, and not its flags.</summary>
    public void SetIdAndLength(int slot, ushort id, uint length) =>
        Write(Memory.GuestMemory, SlotAt(slot) + 8, Used(id, length, 0)[..6]);

    /// <summary>Overwrites length, ID and flags of a packed descriptor, whoever has it.</summary>
    public void Overwrite(int slot, ushort id, uint length, ushort flags) =>
        Write(Raw, SlotAt(slot) + 8, Used(id, length, flags));

    /// <summary>Reads 16 bits as the device sees them.</summary>
    public ushort Peek16(ulong address)
    {
        byte[] bytes = new byte[2];
        Assert.That(Memory.GuestMemory.TryRead(address, bytes), Is.True);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }

    public int GetUsed(out uint writtenBytes)
    {
        Assert.That(Queue.TryGetUsed(out int token, out writtenBytes), Is.True);
        return token;
    }

    public int GetUsed() => GetUsed(out _);

    public void ExpectNothingUsed() => Assert.That(Queue.TryGetUsed(out _, out _), Is.False);

    /// <summary>Adds, takes, uses and gets back one buffer.</summary>
    public void Pass(int readable, int writable, int token)
    {
        Assert.That(Add(readable, writable, token), Is.EqualTo(AddStatus.Ok));
        Assert.That(Queue.InFlight, Is.EqualTo(1));
        ExpectNothingUsed();
        DeviceChain chain = TakeExpecting(readable, writable, token);
        Use(chain, (uint)writable, setWrite: (token & 1) != 0);
        Assert.That(GetUsed(out uint written), Is.EqualTo(token));
        Assert.That(written, Is.EqualTo((uint)writable));
        ExpectNothingUsed();
        Assert.That(Queue.FreeDescriptors, Is.EqualTo(Queue.Size));
    }

    public void Dispose()
    {
        Memory.CheckGuards();
        string[] violations = Memory.Violations.ToArray();
        Memory.Dispose();
        Assert.That(violations, Is.Empty);
        Assert.That(Device.Error, Is.EqualTo(QueueError.None));
    }

    private static byte[] Used(ushort id, uint length, ushort flags)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(4), id);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(6), flags);
        return bytes;
    }

    private static void Write(GuestMemory memory, ulong address, byte[] bytes) =>
        Assert.That(memory.TryWrite(address, bytes), Is.True);

    private ulong SlotAt(int slot) => Queue.DescriptorArea + (DescriptorLength * (ulong)slot);

    private void Poke16(ulong address, ushort value) =>
        Write(Memory.GuestMemory, address, [(byte)value, (byte)(value >> 8)]);

    private void Push(DeviceChain chain, uint length)
    {
        uint written = (uint)Math.Min(length, chain.WritableLength);
        Device.Push(chain, written, length == written ? null : length);
    }

    /// <summary>
    /// The ring's memory, and any address besides where it is endless: these queues carry addresses, and no data.
    /// </summary>
    internal sealed unsafe class RingMemory(SimulatedDma memory, bool audits, bool isEndless) : GuestMemory(audits)
    {
        public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer)
        {
            pointer = memory.DeviceView(deviceAddress, length);
            return isEndless || pointer is not null;
        }

        protected override void Audit(ulong deviceAddress, uint length, GuestAccess access) =>
            memory.DeviceView(deviceAddress, length, access);
    }
}
