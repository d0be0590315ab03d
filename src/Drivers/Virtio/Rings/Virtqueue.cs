using System;
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
/// after <see cref="TryGetUsed"/> gave their token back.
/// </para>
/// </remarks>
public abstract class Virtqueue
{
    private bool _isStopped;

    /// <summary>Describes a queue.</summary>
    /// <param name="index">The virtqueue index at its device.</param>
    /// <param name="size">The number of descriptors.</param>
    protected Virtqueue(ushort index, ushort size)
    {
        Index = index;
        Size = size;
    }

    /// <summary>The virtqueue index at its device, from 0.</summary>
    public ushort Index { get; }

    /// <summary>How many descriptors the ring has, 1 to 32768.</summary>
    public ushort Size { get; }

    /// <summary>The format of the ring, as shown to people: <c>packed</c> or <c>split</c>.</summary>
    public abstract string Format { get; }

    /// <summary>How many descriptors are free, 0 to <see cref="Size"/>.</summary>
    public abstract int FreeDescriptors { get; }

    /// <summary>How many buffers the device has.</summary>
    public abstract int InFlight { get; }

    /// <summary>Why the queue is broken; <see cref="QueueFault.None"/> while it is not.</summary>
    public QueueFault Fault { get; private set; }

    /// <summary>Whether buffers can be added and taken back: neither broken nor stopped.</summary>
    public bool IsUsable => Fault == QueueFault.None && !_isStopped;

    /// <summary>How many buffers were made available.</summary>
    public ulong Added { get; protected set; }

    /// <summary>How many buffers the device has used.</summary>
    public ulong Used { get; protected set; }

    /// <summary>How often <see cref="NeedsNotification"/> asked for a notification.</summary>
    public ulong Notifications { get; protected set; }

    /// <summary>Where the device finds the Descriptor Area.</summary>
    public abstract ulong DescriptorArea { get; }

    /// <summary>Where the device finds the Driver Area.</summary>
    public abstract ulong DriverArea { get; }

    /// <summary>Where the device finds the Device Area.</summary>
    public abstract ulong DeviceArea { get; }

    /// <summary>Makes a buffer available to the device; the device is not notified.</summary>
    /// <param name="readable">What the device reads, in order.</param>
    /// <param name="writable">What the device writes, in order, after what it reads.</param>
    /// <param name="token">What <see cref="TryGetUsed"/> gives back with the buffer.</param>
    /// <returns>
    /// <see cref="AddStatus.Ok"/>, or why it was not added; then the ring is as it was before.
    /// </returns>
    public abstract AddStatus TryAdd(
        ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, int token);

    /// <summary>Takes back the next buffer that the device has used, in the order in which it used them.</summary>
    /// <param name="token">What the caller gave with the buffer.</param>
    /// <param name="writtenBytes">
    /// How many bytes from the start of the writable part the device says it wrote: never more than that part has, and
    /// 0 where the buffer had none.
    /// </param>
    /// <returns>False when there is none, or when the queue is broken or stopped.</returns>
    public abstract bool TryGetUsed(out int token, out uint writtenBytes);

    /// <summary>
    /// Whether the device is to be notified of what was added since the last call. If so, the caller notifies.
    /// </summary>
    public abstract bool NeedsNotification();

    /// <summary>Asks for used buffer notifications, and looks once more for used buffers afterwards.</summary>
    /// <returns>
    /// Whether a used buffer is waiting already; no notification may come for it, so the caller goes on taking buffers.
    /// </returns>
    public abstract bool EnableInterrupts();

    /// <summary>
    /// Asks for no used buffer notifications. It is a hint: the device may send one all the same.
    /// </summary>
    public abstract void DisableInterrupts();

    /// <summary>
    /// Takes back one buffer that the device has not used. Only after the device confirmed a reset, or was cut off from
    /// memory: the queue is stopped by it for good.
    /// </summary>
    /// <param name="token">What the caller gave with the buffer.</param>
    /// <returns>False when there is none left.</returns>
    public bool TryDetach(out int token)
    {
        _isStopped = true;
        return TryDetachCore(out token);
    }

    /// <summary>Stops the queue and gives its memory up.</summary>
    /// <param name="quarantine">
    /// False to give it back, only after the device confirmed a reset; true to take it out of use for good otherwise.
    /// </param>
    public void Release(bool quarantine)
    {
        _isStopped = true;
        ReleaseCore(quarantine);
    }

    /// <summary>Gives up the memory of a stopped queue.</summary>
    protected abstract void ReleaseCore(bool quarantine);

    /// <summary>Takes back a buffer of a stopped queue.</summary>
    protected abstract bool TryDetachCore(out int token);

    /// <summary>Records the first fault.</summary>
    protected void MarkBroken(QueueFault fault)
    {
        Fault = fault;
    }
}
