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
public abstract class Virtqueue
{
    /// <summary>The largest queue size of either format (virtio 1.4, 2.7 and 2.8).</summary>
    public const int MaximumSize = 32768;

    private const int Whole = 100;

    private readonly bool _isOrderedByPlatform;
    private OwnerCheck _owner;
    private bool _isUsable = true;

    /// <summary>Describes a queue.</summary>
    /// <param name="index">The virtqueue index at its device.</param>
    /// <param name="size">The number of descriptors.</param>
    /// <param name="features">How it works.</param>
    private protected Virtqueue(ushort index, ushort size, RingFeatures features)
    {
        Index = index;
        Size = size;
        Features = features;
        _isOrderedByPlatform = (features & RingFeatures.OrderPlatform) != 0;
    }

    /// <summary>The virtqueue index at its device, from 0.</summary>
    public ushort Index { get; }

    /// <summary>How many descriptors the ring has, 1 to <see cref="MaximumSize"/>.</summary>
    public ushort Size { get; }

    /// <summary>How the queue works.</summary>
    public RingFeatures Features { get; }

    /// <summary>The format of the ring, as shown to people: <c>packed</c> or <c>split</c>.</summary>
    public abstract string Format { get; }

    /// <summary>How many descriptors are free, 0 to <see cref="Size"/>.</summary>
    public abstract int FreeDescriptors { get; }

    /// <summary>How many buffers the device has.</summary>
    public abstract int InFlight { get; }

    /// <summary>
    /// The longest chain that takes one descriptor of the ring, because there is a table for it; 0 where there are no
    /// tables. Never more than <see cref="Size"/> segments can be added either way.
    /// </summary>
    public abstract int IndirectTableLength { get; }

    /// <summary>Why the queue is broken; <see cref="QueueFault.None"/> while it is not.</summary>
    public QueueFault Fault { get; private set; }

    /// <summary>Whether buffers can be added and taken back: neither broken nor stopped.</summary>
    public bool IsUsable => _isUsable;

    /// <summary>How many buffers were made available.</summary>
    public ulong Added { get; private protected set; }

    /// <summary>How many buffers the device has used.</summary>
    public ulong Used { get; private protected set; }

    /// <summary>How often <see cref="NeedsNotification"/> asked for a notification.</summary>
    public ulong Notifications { get; private set; }

    /// <summary>Where the device finds the Descriptor Area.</summary>
    public abstract ulong DescriptorArea { get; }

    /// <summary>Where the device finds the Driver Area.</summary>
    public abstract ulong DriverArea { get; }

    /// <summary>Where the device finds the Device Area.</summary>
    public abstract ulong DeviceArea { get; }

    /// <summary>
    /// Where the next buffer will be made available, as a notification tells it where NOTIFICATION_DATA was negotiated:
    /// next_off in bits 0 to 14, next_wrap in bit 15 (virtio 1.4, 2.9).
    /// </summary>
    public abstract ushort NextAvailable { get; }

    /// <summary>Creates an empty queue, with used buffer notifications enabled.</summary>
    /// <param name="dma">Where its memory comes from.</param>
    /// <param name="index">The virtqueue index at its device.</param>
    /// <param name="size">The number of descriptors; one that <see cref="LargestSize"/> gives.</param>
    /// <param name="features">What was negotiated; bits that are not for queues are ignored.</param>
    /// <param name="indirectTableLength">
    /// How many segments the longer of the usual chains have; for these there are indirect tables where negotiated and
    /// affordable.
    /// </param>
    /// <returns>The queue, or null where no memory is left.</returns>
    /// <exception cref="ArgumentOutOfRangeException">The format has no such size.</exception>
    public static Virtqueue? TryCreate(
        DmaTag dma, ushort index, int size, RingFeatures features, int indirectTableLength = 0)
    {
        features &= RingFeatures.All;
        if (size < 1 || LargestSize(features, size) != size)
        {
            throw new ArgumentOutOfRangeException(nameof(size));
        }

        int tableLength = (features & RingFeatures.IndirectDesc) != 0 ? Math.Min(indirectTableLength, size) : 0;
        return (features & RingFeatures.Packed) != 0
            ? PackedVirtqueue.TryCreate(dma, index, (ushort)size, features, tableLength)
            : SplitVirtqueue.TryCreate(dma, index, (ushort)size, features, tableLength);
    }

    /// <summary>
    /// The largest size of a format that is not above a maximum: any size for packed rings, a power of two for split
    /// ones.
    /// </summary>
    /// <param name="features">What was negotiated.</param>
    /// <param name="maximum">At least 1.</param>
    public static int LargestSize(RingFeatures features, int maximum)
    {
        if ((features & RingFeatures.Packed) != 0)
        {
            return Math.Min(maximum, MaximumSize);
        }

        int size = 1;
        while (size < MaximumSize && size * 2 <= maximum)
        {
            size *= 2;
        }

        return size;
    }

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

    /// <summary>Takes back the next buffer that the device has used, in the order in which it used them.</summary>
    /// <param name="token">What the caller gave with the buffer.</param>
    /// <param name="writtenBytes">
    /// How many bytes from the start of the writable part the device says it wrote: never more than that part has, and
    /// 0 where the buffer had none.
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

        _owner.Enter();
        bool isUsed = TakeUsed(out token, out writtenBytes);
        _owner.Leave();
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
        if (!_isUsable)
        {
            return 0;
        }

        _owner.Enter();
        int count = TakeUsed(buffers);
        _owner.Leave();
        return count;
    }

    /// <summary>
    /// Whether the device is to be notified of what was added since the last call. If so, the caller notifies.
    /// </summary>
    public bool NeedsNotification()
    {
        if (!_isUsable)
        {
            return false;
        }

        _owner.Enter();
        bool isNeeded = IsNotificationDue();
        _owner.Leave();
        if (isNeeded)
        {
            Notifications++;
        }

        return isNeeded;
    }

    /// <summary>Asks for used buffer notifications, and looks once more for used buffers afterwards.</summary>
    /// <returns>
    /// Whether a used buffer is waiting already; no notification may come for it, so the caller goes on taking buffers.
    /// </returns>
    public bool EnableInterrupts() => Enable(0);

    /// <summary>
    /// Asks for a used buffer notification once a part of the buffers that are in flight has been used, and looks once
    /// more for used buffers afterwards. Without EVENT_IDX the next used buffer brings one.
    /// </summary>
    /// <param name="percent">How large the part is, 0 to 100.</param>
    /// <returns>
    /// Whether a used buffer is waiting already; no notification may come for it, so the caller goes on taking buffers.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such part.</exception>
    public bool EnableInterruptsDelayed(int percent)
    {
        if (percent < 0 || percent > Whole)
        {
            throw new ArgumentOutOfRangeException(nameof(percent));
        }

        return Enable(percent);
    }

    /// <summary>
    /// Asks for no used buffer notifications. It is a hint: the device may send one all the same.
    /// </summary>
    public void DisableInterrupts()
    {
        if (_isUsable)
        {
            _owner.Enter();
            AskForNoInterrupt();
            _owner.Leave();
        }
    }

    /// <summary>
    /// Takes back one buffer that the device has not used. Only after the device confirmed a reset, or was cut off from
    /// memory: the queue is stopped by it for good.
    /// </summary>
    /// <param name="token">What the caller gave with the buffer.</param>
    /// <returns>False when there is none left.</returns>
    public bool TryDetach(out int token)
    {
        _isUsable = false;
        return Detach(out token);
    }

    /// <summary>Stops the queue and gives its memory up.</summary>
    /// <param name="quarantine">
    /// False to give it back, only after the device confirmed a reset; true to take it out of use for good otherwise.
    /// </param>
    public void Release(bool quarantine)
    {
        _isUsable = false;
        ReleaseMemory(quarantine);
    }

    /// <summary>How far ahead an interrupt is due: so many of the things in flight are passed before it.</summary>
    private protected static int DelayOf(int inFlight, int percent)
    {
        int delay = (int)((uint)inFlight * (uint)percent / Whole);
        return delay < inFlight ? delay : Math.Max(inFlight - 1, 0);
    }

    /// <summary>Adds a buffer.</summary>
    private protected abstract AddStatus Add(
        ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, int token);

    /// <summary>Takes the next used buffer.</summary>
    private protected abstract bool TakeUsed(out int token, out uint writtenBytes);

    /// <summary>Takes used buffers.</summary>
    private protected abstract int TakeUsed(Span<UsedBuffer> buffers);

    /// <summary>Looks whether the device wants to be notified of what is new.</summary>
    private protected abstract bool IsNotificationDue();

    /// <summary>Tells the device when an interrupt is wanted, then orders that before a later look.</summary>
    private protected abstract void AskForInterrupt(int percent);

    /// <summary>Tells the device that no interrupt is wanted.</summary>
    private protected abstract void AskForNoInterrupt();

    /// <summary>Whether a used buffer can be taken.</summary>
    private protected abstract bool LookForUsed();

    /// <summary>Gives up the memory of a stopped queue.</summary>
    private protected abstract void ReleaseMemory(bool quarantine);

    /// <summary>Takes back a buffer of a stopped queue.</summary>
    private protected abstract bool Detach(out int token);

    /// <summary>A full barrier of the strength that was negotiated (virtio 1.4, 6.1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected void FullBarrier(AccessSite site)
    {
        if (_isOrderedByPlatform)
        {
            Barriers.FullForDevice(site);
        }
        else
        {
            Barriers.Full(site);
        }
    }

    /// <summary>Records the first fault, and takes and gives nothing from here on.</summary>
    private protected void MarkBroken(QueueFault fault)
    {
        Fault = fault;
        _isUsable = false;
    }

    private bool Enable(int percent)
    {
        if (!_isUsable)
        {
            return false;
        }

        _owner.Enter();
        AskForInterrupt(percent);
        bool isWaiting = LookForUsed();
        _owner.Leave();
        return isWaiting;
    }
}
