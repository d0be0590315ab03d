using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Devices.Rings;

/// <summary>
/// The device's side of one virtqueue, in either format (virtio 1.4, 2.7 and 2.8): takes available buffers, gives them
/// back used, and keeps to what each side says about notifications.
/// </summary>
/// <remarks>
/// <para>
/// Owned by one context at a time. A driver that breaks the format's rules breaks the queue: <see cref="Error"/> says
/// how, and nothing more is taken. Wrong calls of the device itself throw.
/// </para>
/// <para>
/// Used buffers become visible to the driver in <see cref="Publish"/>, all at once, after everything that was written
/// to them.
/// </para>
/// </remarks>
public abstract class DeviceQueue
{
    /// <summary>The most descriptors that a queue can have (virtio 1.4, 2.7 and 2.8).</summary>
    public const int LargestSize = 32768;

    private readonly GuestMemory _memory;
    private readonly bool[] _inFlight;
    private readonly Stack<DeviceChain> _spare = new Stack<DeviceChain>();
    private readonly List<DeviceChain> _pushed = new List<DeviceChain>();
    private readonly List<uint> _lengths = new List<uint>();
    private readonly List<uint?> _forcedLengths = new List<uint?>();
    private readonly List<UsedEntry> _entries = new List<UsedEntry>();
    private int _chainLimit;
    private ulong _nextInOrder;

    private protected DeviceQueue(GuestMemory memory, int size, ulong features, int idCount)
    {
        _memory = memory;
        Size = size;
        _chainLimit = size;
        _inFlight = new bool[idCount];
        HasEventIndex = (features & FeatureBit.EventIndex) != 0;
        HasIndirect = (features & FeatureBit.IndirectDescriptors) != 0;
        IsInOrder = (features & FeatureBit.InOrder) != 0;
    }

    /// <summary>How many descriptors the ring has.</summary>
    public int Size { get; }

    /// <summary>What the driver did wrong; the queue is broken when it did anything.</summary>
    public QueueError Error { get; private set; }

    /// <summary>Whether buffers are used in the order in which they were made available.</summary>
    public bool IsInOrder { get; }

    /// <summary>How many buffers have been taken since the queue was opened.</summary>
    public ulong Taken { get; private set; }

    /// <summary>How many buffers have been used and published since the queue was opened.</summary>
    public ulong Used { get; private set; }

    /// <summary>How many buffers the device has, taken and not yet published as used.</summary>
    public int InFlight => (int)(Taken - Used);

    /// <summary>How many elements a chain may have, at least 1; the queue's size unless said otherwise.</summary>
    public int ChainLimit
    {
        get => _chainLimit;
        set
        {
            ArgumentOutOfRangeException.ThrowIfLessThan(value, 1);
            _chainLimit = value;
        }
    }

    /// <summary>Who watches; null for nobody.</summary>
    public QueueObserver? Observer { get; set; }

    /// <summary>
    /// Whether a driver breaks the queue by what devices can live with but the specification forbids: reserved flags,
    /// descriptors out of ring order with IN_ORDER, event suppression that was not negotiated. So does a table that is
    /// longer than its chain.
    /// </summary>
    public bool IsStrict { get; set; }

    /// <summary>Where the driver will make the next buffer available: what NOTIFICATION_DATA carries.</summary>
    public abstract RingPosition NextAvailable { get; }

    /// <summary>
    /// Where the device goes on in the ring, as vhost has it for a queue with nothing in flight: the available index of
    /// a split ring; of a packed one the place and wrap counter of the next available descriptor in bits 0 to 15, and
    /// of the next used one in bits 16 to 31.
    /// </summary>
    internal abstract uint VhostBase { get; set; }

    /// <summary>What is left for a device that comes after this one; null for nothing.</summary>
    internal QueueJournal? Journal { get; set; }

    /// <summary>Where the next used entry belongs: see <see cref="QueueJournal"/>.</summary>
    private protected abstract uint UsedPlace { get; }

    private protected bool HasEventIndex { get; }

    private protected bool HasIndirect { get; }

    /// <summary>Opens a queue of the format that the features say.</summary>
    /// <param name="memory">Where the queue and its buffers are.</param>
    /// <param name="areas">Where its parts are, as the driver said.</param>
    /// <param name="size">Its size, as the driver said.</param>
    /// <param name="features">The negotiated features.</param>
    /// <param name="error">Why not, or <see cref="QueueError.None"/>.</param>
    /// <returns>The queue, in its initial state, or null.</returns>
    public static DeviceQueue? TryOpen(
        GuestMemory memory, QueueAreas areas, int size, ulong features, out QueueError error) =>
        (features & FeatureBit.RingPacked) != 0
            ? PackedDeviceQueue.TryOpenPacked(memory, areas, size, features, out error)
            : SplitDeviceQueue.TryOpenSplit(memory, areas, size, features, out error);

    /// <summary>Whether there is a buffer to take. Breaks the queue where the driver's index makes no sense.</summary>
    public abstract bool HasAvailable();

    /// <summary>Takes the next available buffer.</summary>
    /// <returns>The buffer, or null where there is none or the queue is broken.</returns>
    public DeviceChain? TryPop()
    {
        if (Error != QueueError.None || !HasAvailable())
        {
            return null;
        }

        DeviceChain chain = _spare.Count != 0 ? _spare.Pop() : new DeviceChain(_memory);
        QueueError error = Take(chain);
        if (error == QueueError.None && _inFlight[chain.Id])
        {
            error = QueueError.BufferInFlight;
        }

        if (error != QueueError.None)
        {
            Break(error, chain);
            return null;
        }

        _inFlight[chain.Id] = true;
        chain.IsInFlight = true;
        chain.Sequence = Taken++;
        Observer?.OnTaken(chain);
        return chain;
    }

    /// <summary>Puts back the buffer that was taken last, as if it had not been taken.</summary>
    /// <exception cref="InvalidOperationException">It is not the one that was taken last, or was used.</exception>
    public void Unpop(DeviceChain chain)
    {
        ArgumentNullException.ThrowIfNull(chain);
        if (!chain.IsInFlight || chain.Sequence != Taken - 1)
        {
            throw new InvalidOperationException("Only the buffer that was taken last can be put back.");
        }

        Observer?.OnPutBack(chain);
        Untake(chain);
        _inFlight[chain.Id] = false;
        Taken--;
        Recycle(chain);
    }

    /// <summary>Marks a buffer used; the driver sees it from <see cref="Publish"/> on.</summary>
    /// <param name="chain">A buffer that was taken, in any order unless the queue is in order.</param>
    /// <param name="length">How many bytes of its writable part, from the start, are written.</param>
    /// <exception cref="InvalidOperationException">It is not the device's, or not the next in order.</exception>
    public void Push(DeviceChain chain, uint length) => Push(chain, length, forcedLength: null);

    /// <summary>The same, with a length for the driver that is not what was written: a fault.</summary>
    /// <param name="chain">A buffer that was taken.</param>
    /// <param name="length">How many bytes of its writable part are written.</param>
    /// <param name="forcedLength">How many the driver is told of; null for the truth.</param>
    public void Push(DeviceChain chain, uint length, uint? forcedLength)
    {
        ArgumentNullException.ThrowIfNull(chain);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, chain.WritableLength);
        if (!chain.IsInFlight)
        {
            throw new InvalidOperationException("A buffer that the device does not have cannot be used.");
        }

        if (IsInOrder && chain.Sequence != _nextInOrder)
        {
            throw new InvalidOperationException("The driver was promised that buffers are used in order.");
        }

        _nextInOrder = chain.Sequence + 1;
        chain.IsInFlight = false;
        _pushed.Add(chain);
        _lengths.Add(length);
        _forcedLengths.Add(forcedLength);
    }

    /// <summary>Makes all used buffers visible to the driver at once.</summary>
    /// <param name="merge">
    /// Whether, in order, one entry may stand for several buffers (virtio 1.4, 2.7.9 and 2.8.8). A buffer that was not
    /// written completely always gets its own, because the driver takes those without one for complete.
    /// </param>
    /// <returns>Whether the driver wants to be notified of them.</returns>
    public bool Publish(bool merge = true)
    {
        if (_pushed.Count == 0)
        {
            return false;
        }

        int slots = 0;
        for (int i = 0; i < _pushed.Count; i++)
        {
            DeviceChain chain = _pushed[i];
            Observer?.OnUsing(chain, _forcedLengths[i] ?? _lengths[i]);
            slots += SlotsOf(chain);
            bool isCovered = merge && IsInOrder && i + 1 < _pushed.Count && _lengths[i] == chain.WritableLength;
            if (!isCovered)
            {
                _entries.Add(new UsedEntry(chain.Id, _forcedLengths[i] ?? _lengths[i], slots, _lengths[i] != 0));
                slots = 0;
            }

            // Before the driver sees them: from then on it may use their IDs again.
            _inFlight[chain.Id] = false;
        }

        Used += (ulong)_pushed.Count;
        Journal?.Write(UsedPlace, CountSlots());
        bool isWanted = WriteUsed(CollectionsMarshal.AsSpan(_entries));
        Journal?.Write(UsedPlace, 0);
        _pushed.ForEach(Recycle);
        _pushed.Clear();
        _lengths.Clear();
        _forcedLengths.Clear();
        _entries.Clear();
        return isWanted;
    }

    /// <summary>
    /// Writes a used entry for a buffer that the device does not have, or for no buffer at all, and moves on: a fault.
    /// </summary>
    /// <param name="id">The ID or head that it names.</param>
    /// <param name="length">How many bytes it says were written.</param>
    /// <param name="slots">
    /// How far the ring advances: descriptors of a packed ring, 1 to its size; entries of a split one.
    /// </param>
    /// <returns>Whether the driver wants to be notified of it.</returns>
    public bool Forge(ushort id, uint length = 0, int slots = 1) =>
        WriteUsed([new UsedEntry(id, length, slots, length != 0)]);

    /// <summary>Tells the driver that notifications are not needed. It may send some nevertheless.</summary>
    public abstract void SuppressNotifications();

    /// <summary>Asks the driver for a notification when it makes the next buffer available.</summary>
    /// <returns>Whether there is a buffer already, of which no notification will tell.</returns>
    public abstract bool EnableNotifications();

    private protected static bool IsAligned(ulong address, uint alignment) => address % alignment == 0;

    /// <summary>Takes and checks the next buffer, which is available.</summary>
    private protected abstract QueueError Take(DeviceChain chain);

    /// <summary>Goes back to before the buffer that was taken last.</summary>
    private protected abstract void Untake(DeviceChain chain);

    /// <summary>How far a buffer moves the used position.</summary>
    private protected abstract int SlotsOf(DeviceChain chain);

    /// <summary>Writes used entries so that the driver sees none before all of them.</summary>
    /// <returns>Whether the driver wants a notification.</returns>
    private protected abstract bool WriteUsed(ReadOnlySpan<UsedEntry> entries);

    private protected void Break(QueueError error, DeviceChain? chain = null)
    {
        Error = error;
        Observer?.OnBroken(error, chain);
    }

    /// <summary>An error that only a strict device finds.</summary>
    private protected QueueError Strictly(bool isBroken, QueueError error) =>
        IsStrict && isBroken ? error : QueueError.None;

    private protected bool TryReadTable(ulong address, Span<byte> descriptor) => _memory.TryRead(address, descriptor);

    /// <summary>
    /// Goes on where a device was killed that kept a journal: behind what it had used, whether or not it had come to
    /// write that down.
    /// </summary>
    /// <returns>
    /// Whether there was one: then nobody knows whether it came to notify the driver of what it had used last.
    /// </returns>
    internal bool Resume(QueueJournal journal)
    {
        bool hasPredecessor = journal.TryRead(out uint place, out int slots);
        if (hasPredecessor)
        {
            ResumeAt(place, slots);
        }

        Journal = journal;
        journal.Write(UsedPlace, 0);
        return hasPredecessor;
    }

    /// <summary>Goes on at a place, or behind the entry there if that has been written.</summary>
    private protected abstract void ResumeAt(uint place, int slots);

    private int CountSlots()
    {
        int slots = 0;
        foreach (UsedEntry each in _entries)
        {
            slots += each.Slots;
        }

        return slots;
    }

    private void Recycle(DeviceChain chain)
    {
        chain.Clear();
        _spare.Push(chain);
    }
}

/// <summary>Where the three parts of a virtqueue are, as device addresses (virtio 1.4, 2.6).</summary>
/// <param name="Descriptor">The Descriptor Area.</param>
/// <param name="Driver">The Driver Area: the available ring, or the Driver Event Suppression structure.</param>
/// <param name="Device">The Device Area: the used ring, or the Device Event Suppression structure.</param>
public readonly record struct QueueAreas(ulong Descriptor, ulong Driver, ulong Device)
{
    /// <summary>The lower or upper 32 bits of a part: 0 descriptor, 1 driver, 2 device.</summary>
    internal uint Half(uint part, bool isHigh)
    {
        ulong address = part switch
        {
            0 => Descriptor,
            1 => Driver,
            _ => Device,
        };
        return (uint)(isHigh ? address >> 32 : address);
    }

    /// <summary>The same with 32 bits of a part replaced, as drivers write them.</summary>
    internal QueueAreas WithHalf(uint part, bool isHigh, uint value) => part switch
    {
        0 => this with { Descriptor = Replace(Descriptor, isHigh, value) },
        1 => this with { Driver = Replace(Driver, isHigh, value) },
        _ => this with { Device = Replace(Device, isHigh, value) },
    };

    private static ulong Replace(ulong address, bool isHigh, uint value) => isHigh
        ? (address & uint.MaxValue) | ((ulong)value << 32)
        : (address & ~(ulong)uint.MaxValue) | value;
}

/// <summary>A place in a ring as notification data tells it (virtio 1.4, 2.9).</summary>
/// <param name="Offset">
/// The descriptor's slot in a packed ring; the lower 15 bits of the available index of a split one.
/// </param>
/// <param name="Wrap">The wrap counter; bit 15 of the available index of a split ring.</param>
public readonly record struct RingPosition(ushort Offset, bool Wrap);

/// <summary>What is written to a ring for one used buffer, or for several in order.</summary>
/// <param name="Id">The buffer's ID, or its head; of the last buffer where there are several.</param>
/// <param name="Length">How many bytes were written to that buffer.</param>
/// <param name="Slots">How far the ring advances: descriptors in a packed ring, buffers in a split one.</param>
/// <param name="IsWritten">Whether anything was written to that buffer.</param>
public readonly record struct UsedEntry(ushort Id, uint Length, int Slots, bool IsWritten);

/// <summary>The flags of descriptors (virtio 1.4, 2.7.5 and 2.8.1).</summary>
internal static class DescriptorFlags
{
    public const ushort Next = 1 << 0;
    public const ushort Write = 1 << 1;
    public const ushort Indirect = 1 << 2;

    /// <summary>Packed only.</summary>
    public const ushort Available = 1 << 7;

    /// <summary>Packed only.</summary>
    public const ushort Used = 1 << 15;
}

/// <summary>Whether progress on a ring went past the place that the other side asked to be told of.</summary>
public static class EventTest
{
    /// <summary>A split ring, whose indices run freely through 16 bits (virtio 1.4, 2.7.7 and 2.7.10).</summary>
    /// <param name="eventIndex">The index that the other side named.</param>
    /// <param name="newIndex">The index after the progress.</param>
    /// <param name="oldIndex">The index before it.</param>
    /// <returns>Whether an entry with that index was written.</returns>
    public static bool Split(ushort eventIndex, ushort newIndex, ushort oldIndex) =>
        (ushort)(newIndex - eventIndex - 1) < (ushort)(newIndex - oldIndex);

    /// <summary>A packed ring, whose positions run through two rounds (virtio 1.4, 2.8.10).</summary>
    /// <param name="eventPosition">The position that the other side named, 0 to twice the size - 1.</param>
    /// <param name="newPosition">The position after the progress.</param>
    /// <param name="count">How many descriptors the progress went over, at most the size.</param>
    /// <param name="size">The queue's size.</param>
    /// <returns>Whether the descriptor at that position was gone over.</returns>
    public static bool Packed(int eventPosition, int newPosition, int count, int size)
    {
        int behind = newPosition - eventPosition - 1;
        return (behind < 0 ? behind + (2 * size) : behind) < count;
    }
}

/// <summary>Why a device cannot go on with a queue: what its driver did wrong.</summary>
public enum QueueError
{
    /// <summary>Nothing is wrong.</summary>
    None = 0,

    /// <summary>The size is 0, above 32768, or for a split ring not a power of two.</summary>
    SizeInvalid,

    /// <summary>A part of the queue is not aligned as its format demands.</summary>
    AreaMisaligned,

    /// <summary>A part of the queue is not in memory that the device may access.</summary>
    AreaUnreachable,

    /// <summary>The available index moved by more than the queue's size.</summary>
    AvailableIndexJump,

    /// <summary>A head or a next field names a descriptor that does not exist.</summary>
    DescriptorOutOfRange,

    /// <summary>A chain comes back to a descriptor that it has already been through.</summary>
    Loop,

    /// <summary>A chain has more elements than the device allows.</summary>
    ChainTooLong,

    /// <summary>A chain has more bytes than its total can count.</summary>
    TooManyBytes,

    /// <summary>The head of a packed chain was made available before the rest of it.</summary>
    ChainIncomplete,

    /// <summary>An element has no bytes.</summary>
    ZeroLength,

    /// <summary>An element is not in memory that the device may access so.</summary>
    BufferUnreachable,

    /// <summary>An element for the device to read comes after one for it to write.</summary>
    ReadableAfterWritable,

    /// <summary>There is an indirect table, but the feature was not negotiated.</summary>
    IndirectNotNegotiated,

    /// <summary>A descriptor has both INDIRECT and NEXT.</summary>
    IndirectWithNext,

    /// <summary>An indirect table refers to another, or stands in a packed chain of direct descriptors.</summary>
    IndirectNested,

    /// <summary>The size of an indirect table is 0 or not a multiple of a descriptor's.</summary>
    IndirectTableSize,

    /// <summary>A buffer was made available that the device has not used yet.</summary>
    BufferInFlight,

    /// <summary>Descriptors were made available that the device has not given back yet.</summary>
    RingOverrun,

    /// <summary>
    /// A descriptor has flags that are reserved where it stands (virtio 1.4, 2.7.5, 2.8.1 and 2.8.7). Found by a strict
    /// device only, as are the next three.
    /// </summary>
    ReservedFlags,

    /// <summary>With IN_ORDER, descriptors are not made available in ring order (virtio 1.4, 2.7.9).</summary>
    OutOfRingOrder,

    /// <summary>An indirect table is longer than its chain.</summary>
    TableNotFilled,

    /// <summary>
    /// The driver asks for notifications in the way that was not negotiated (virtio 1.4, 2.7.7 and 2.8.10).
    /// </summary>
    SuppressionNotNegotiated,
}
