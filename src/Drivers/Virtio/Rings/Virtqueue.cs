using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The driver's side of one virtqueue (virtio 1.4, 2.6), whatever the format of its ring.
/// </summary>
/// <remarks>
/// <para>
/// A queue is used by one context at a time and holds no lock. Nothing but its construction allocates. The device is
/// not trusted: what it writes is checked where it is read, and the first thing that no conforming device writes marks
/// the queue broken (<see cref="Fault"/>). A broken queue takes and gives nothing any more; its buffers come back
/// through <see cref="TryDetach"/> once the device has been reset.
/// </para>
/// <para>
/// Data buffers are the caller's: it makes their PRE hand-over before <see cref="TryAdd"/> and their POST hand-over
/// after <see cref="TryGetUsed"/> gave their token back. A batch is any number of <see cref="TryAdd"/> with one
/// <see cref="NeedsNotification"/> behind them.
/// </para>
/// </remarks>
public abstract partial class Virtqueue
{
    /// <summary>The largest queue size of either format (virtio 1.4, 2.7 and 2.8).</summary>
    public const int MaximumSize = 32768;

    private OwnerCheck _owner;
    private bool _isUsable = true;

    /// <summary>The virtqueue index at its device, from 0.</summary>
    public ushort Index { get; }

    /// <summary>How many descriptors the ring has, 1 to <see cref="MaximumSize"/>.</summary>
    public ushort Size { get; }

    /// <summary>How the queue works.</summary>
    public RingFeatures Features { get; }

    /// <summary>The format of the ring, as shown to people: <c>packed</c> or <c>split</c>.</summary>
    public abstract string Format { get; }

    /// <summary>How many descriptors are free, 0 to <see cref="Size"/>.</summary>
    public int FreeDescriptors { get; private protected set; }

    /// <summary>How many buffers the device has.</summary>
    public int InFlight => (int)(Added - Used) - _detached;

    /// <summary>
    /// The longest chain that takes one descriptor of the ring, because there is a table for it; 0 where there are no
    /// tables. Never more than <see cref="Size"/> segments can be added either way.
    /// </summary>
    public int IndirectTableLength { get; }

    /// <summary>Why the queue is broken; <see cref="QueueFault.None"/> while it is not.</summary>
    public QueueFault Fault { get; private set; }

    /// <summary>Whether buffers can be added and taken back: neither broken nor stopped.</summary>
    public bool IsUsable => _isUsable;

    /// <summary>How many buffers were made available.</summary>
    public ulong Added { get; private set; }

    /// <summary>How many buffers the device has used.</summary>
    public ulong Used { get; private protected set; }

    /// <summary>
    /// How often the device claimed to have written more into a buffer than it could; it counts as what it could.
    /// </summary>
    public ulong LengthsClamped { get; private set; }

    /// <summary>How often <see cref="NeedsNotification"/> asked for a notification.</summary>
    public ulong Notifications { get; private set; }

    /// <summary>Where the device finds the Descriptor Area.</summary>
    public ulong DescriptorArea => _memory.Memory.DeviceAddress;

    /// <summary>Where the device finds the Driver Area.</summary>
    public ulong DriverArea => _memory.Memory.DeviceAddress + _memory.DriverArea;

    /// <summary>Where the device finds the Device Area.</summary>
    public ulong DeviceArea => _memory.Memory.DeviceAddress + _memory.DeviceArea;

    /// <summary>
    /// Where the next buffer will be made available, as a notification tells it where NOTIFICATION_DATA was negotiated:
    /// next_off in bits 0 to 14, next_wrap in bit 15 (virtio 1.4, 2.9).
    /// </summary>
    public abstract ushort NextAvailable { get; }

    /// <summary>How the device is notified of the queue; null before a transport enabled it.</summary>
    public QueueNotifier? Notifier { get; internal set; }

    /// <summary>
    /// The buffer ID that the next buffer will have, 0 to <see cref="Size"/> - 1, where there is a free descriptor: a
    /// driver can keep what belongs to a buffer in a place of that number, which nobody else has until the buffer is
    /// taken back.
    /// </summary>
    public ushort NextBufferId => Records.NextFree;

    /// <summary>Whether a buffer ID is that of a buffer which the device has, or had when it was reset.</summary>
    public bool IsInFlight(ushort bufferId) => bufferId < Size && Records[bufferId].IsInFlight;

    /// <summary>Whether a buffer of so many segments finds room now.</summary>
    public bool HasRoom(int segments) =>
        segments <= Size && (segments <= FreeDescriptors || (segments <= IndirectTableLength && FreeDescriptors != 0));

    /// <summary>Makes a buffer available to the device; the device is not notified.</summary>
    /// <param name="readable">What the device reads, in order.</param>
    /// <param name="writable">What the device writes, in order, after what it reads.</param>
    /// <param name="token">What <see cref="TryGetUsed"/> gives back with the buffer.</param>
    /// <returns>
    /// <see cref="AddStatus.Ok"/>, or why it was not added; then the ring is as it was before.
    /// </returns>
    public AddStatus TryAdd(ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, int token)
    {
        if (!_isUsable)
        {
            return AddStatus.Unusable;
        }

        _owner.Enter();
        AddStatus status = Add(readable, writable, token);
        _owner.Leave();
        return status;
    }

    /// <summary>
    /// Makes a buffer available whose chain the caller has written into an indirect table of its own (virtio 1.4,
    /// 2.7.5.3 and 2.8.7); the device is not notified.
    /// </summary>
    /// <param name="table">
    /// The table, handed over to the device like a data buffer. It is taken back like one.
    /// </param>
    /// <param name="writableBytes">How many bytes the device may write, as the table says.</param>
    /// <param name="token">What <see cref="TryGetUsed"/> gives back with the buffer.</param>
    /// <returns>
    /// <see cref="AddStatus.Ok"/>, or why it was not added: <see cref="AddStatus.Invalid"/> without INDIRECT_DESC, and
    /// for a table that is empty, no multiple of 16 bytes, or longer than the ring.
    /// </returns>
    public AddStatus TryAddTable(DmaSegment table, uint writableBytes, int token)
    {
        if (CanAddTable(table.Length))
        {
            AddTable(table, writableBytes, token);
            return AddStatus.Ok;
        }

        bool isTable = table.Length - 1 < _longestTable && table.Length % TableFormat.DescriptorSize == 0;
        return !_isUsable ? AddStatus.Unusable : isTable ? AddStatus.Full : AddStatus.Invalid;
    }

    /// <summary>Takes back the next buffer that the device has used, in the order in which it used them.</summary>
    /// <param name="token">What the caller gave with the buffer.</param>
    /// <param name="writtenBytes">
    /// How many bytes from the start of the writable part the device says it wrote: never more than that part has, and
    /// 0 where the buffer had none. Devices are known to say too much and too little, so a driver uses it for nothing
    /// that it can learn in another way.
    /// </param>
    /// <returns>False when there is none, or when the queue is broken or stopped.</returns>
    public bool TryGetUsed(out int token, out uint writtenBytes)
    {
        if (!_isUsable)
        {
            token = 0;
            writtenBytes = 0;
            return false;
        }

        UsedBuffer buffer = default;
        _owner.Enter();
        bool isUsed = TakeUsed(ref buffer);
        _owner.Leave();
        token = buffer.Token;
        writtenBytes = buffer.WrittenBytes;
        return isUsed;
    }

    /// <summary>Takes back buffers that the device has used, in the order in which it used them.</summary>
    /// <param name="buffers">Where they go.</param>
    /// <returns>
    /// How many there were; fewer than there is room for means that there are no more for now, or that the queue is
    /// broken or stopped.
    /// </returns>
    public int GetUsed(Span<UsedBuffer> buffers)
    {
        _owner.Enter();
        int count = _givesRows ? TakeRow(buffers) : TakeOneByOne(buffers);
        _owner.Leave();
        return count;
    }

    /// <summary>
    /// Takes back one buffer that the device has not used. Only after the device confirmed a reset, or was cut off from
    /// memory: the queue is stopped by it for good.
    /// </summary>
    /// <param name="token">What the caller gave with the buffer.</param>
    /// <returns>False when there is none left.</returns>
    public bool TryDetach(out int token)
    {
        bool isThere = TryDetach(out UsedBuffer buffer);
        token = buffer.Token;
        return isThere;
    }

    /// <inheritdoc cref="TryDetach(out int)"/>
    /// <param name="buffer">The buffer; what the device wrote into it counts for nothing.</param>
    /// <returns>False when there is none left.</returns>
    public bool TryDetach(out UsedBuffer buffer)
    {
        End();
        TakeLeftBack();
        buffer = default;
        if (!Records.TryFindInFlight(ref _detachCursor))
        {
            return false;
        }

        ref BufferRecord record = ref Records[(uint)_detachCursor];
        buffer = new UsedBuffer(record.Token, 0, (ushort)_detachCursor);
        FreeDescriptors += record.Descriptors;
        Records.Return((ushort)_detachCursor, ref record);
        _detached++;
        return true;
    }

    /// <summary>Stops the queue and gives its memory up.</summary>
    /// <param name="quarantine">
    /// False to give it back, only after the device confirmed a reset; true to take it out of use for good otherwise.
    /// </param>
    public void Release(bool quarantine)
    {
        End();
        if (quarantine)
        {
            _isTakenBack = true;
            _memory.Memory.Quarantine();
        }
        else
        {
            TakeLeftBack();
            _memory.Memory.Free();
        }

        _tables?.Release(quarantine);
    }
}
