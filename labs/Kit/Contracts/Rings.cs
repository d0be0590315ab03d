using System;

namespace VirtioGuest.Labs;

/// <summary>The memory of a split queue (virtio 1.4, 2.7).</summary>
/// <param name="Size">How many descriptors it has, a power of two.</param>
/// <param name="Descriptors">The descriptor table.</param>
/// <param name="Available">The available ring: flags, idx, ring[Size], used_event.</param>
/// <param name="Used">The used ring: flags, idx, ring[Size] of id and len, avail_event.</param>
public sealed record SplitRing(ushort Size, DmaBlock Descriptors, DmaBlock Available, DmaBlock Used);

/// <summary>The memory of a packed queue (virtio 1.4, 2.8).</summary>
/// <param name="Size">How many descriptors it has: any number, a power of two or not.</param>
/// <param name="Descriptors">The ring of descriptors: addr, len, id, flags.</param>
/// <param name="DriverEvents">The driver event suppression structure: desc, flags. You write it.</param>
/// <param name="DeviceEvents">The device event suppression structure, likewise. The device writes it.</param>
public sealed record PackedRing(ushort Size, DmaBlock Descriptors, DmaBlock DriverEvents, DmaBlock DeviceEvents);

/// <summary>A piece of a buffer.</summary>
/// <param name="Address">Where the device finds it.</param>
/// <param name="Length">How many bytes, at least 1.</param>
/// <param name="IsForDeviceToWrite">Whether the device writes it; else it reads it.</param>
public readonly record struct BufferPart(ulong Address, uint Length, bool IsForDeviceToWrite);

/// <summary>Lab 6: who tells whom, and when, with EVENT_IDX (virtio 1.4, 2.7.7 and 2.7.10).</summary>
public abstract class EventQueue
{
    /// <summary>Takes over a queue that is zeroed and that the device knows.</summary>
    public abstract void Attach(SplitRing ring);

    /// <summary>Makes a buffer available whose descriptor stands in the table.</summary>
    /// <returns>Whether the device is to be notified of it.</returns>
    public abstract bool Publish(ushort head);

    /// <summary>Takes the next used buffer, if there is one.</summary>
    /// <param name="id">The head of its chain.</param>
    /// <param name="length">How many bytes the device wrote.</param>
    public abstract bool TryTake(out uint id, out uint length);

    /// <summary>Asks for an interrupt when the next buffer is used.</summary>
    /// <returns>
    /// Whether there is a used buffer already: then no interrupt may come for it, and the caller must not sleep.
    /// </returns>
    public abstract bool EnableInterrupts();
}

/// <summary>Lab 7: a packed queue.</summary>
public abstract class PackedQueue
{
    /// <summary>Takes over a queue that is zeroed and that the device knows.</summary>
    public abstract void Attach(PackedRing ring);

    /// <summary>Makes a buffer available.</summary>
    /// <param name="parts">Its pieces, 1 to the queue's size, those for the device to read first.</param>
    /// <param name="token">A number of the caller's, which comes back with the buffer.</param>
    /// <returns>False where there is no room for it now.</returns>
    public abstract bool TryAdd(ReadOnlySpan<BufferPart> parts, int token);

    /// <summary>
    /// Whether the device is to be notified of what was added since the last call (2.8.10, EVENT_IDX).
    /// </summary>
    public abstract bool IsNotificationDue();

    /// <summary>Takes the next used buffer, if there is one.</summary>
    /// <param name="token">The number that it was added with.</param>
    /// <param name="length">How many bytes the device wrote.</param>
    public abstract bool TryTake(out int token, out uint length);
}

/// <summary>
/// Lab 8: how a used descriptor of a packed ring goes from the device to the driver (kvm-host PR 50).
/// </summary>
public abstract class UsedHandOver
{
    /// <summary>The device's side: marks a buffer used in a slot of the ring.</summary>
    /// <param name="ring">The ring of descriptors, 16 bytes each.</param>
    /// <param name="slot">In which slot.</param>
    /// <param name="id">The buffer ID.</param>
    /// <param name="length">How many bytes were written to the buffer.</param>
    /// <param name="wrap">The device's wrap counter.</param>
    public abstract void Use(DmaBlock ring, uint slot, ushort id, uint length, bool wrap);

    /// <summary>The driver's side: looks whether a slot is used, and takes what it says.</summary>
    /// <param name="ring">The ring of descriptors.</param>
    /// <param name="slot">Which slot.</param>
    /// <param name="wrap">The driver's wrap counter for used descriptors.</param>
    /// <param name="id">The buffer ID.</param>
    /// <param name="length">How many bytes were written.</param>
    public abstract bool TryTake(DmaBlock ring, uint slot, bool wrap, out ushort id, out uint length);
}

/// <summary>Lab 9: a polling loop where the device does not see the processor's cache (NetBSD kern/60144).</summary>
public abstract class CachedQueue
{
    /// <summary>Takes over a split queue that is zeroed and that the device knows.</summary>
    public abstract void Attach(SplitRing ring);

    /// <summary>Gives the device a buffer to fill, as descriptor <paramref name="head"/>.</summary>
    /// <remarks>
    /// The same descriptor may be given again once its buffer was taken; until the first time nobody has it.
    /// </remarks>
    public abstract void Give(ushort head, DmaBlock buffer);

    /// <summary>Looks for a used buffer once. A caller that polls calls it again and again.</summary>
    /// <param name="head">Its descriptor.</param>
    /// <param name="data">What the device wrote.</param>
    public abstract bool TryTake(out ushort head, out byte[] data);
}

/// <summary>Lab 10: the device's side of an entropy device over a split queue.</summary>
public abstract class EntropyBackEnd
{
    /// <summary>The driver has set the queue up.</summary>
    /// <param name="ring">Its three parts, as the device sees them.</param>
    /// <param name="memory">The guest's memory, for buffers.</param>
    public abstract void Attach(SplitRing ring, DriverMemory memory);

    /// <summary>The driver has notified: serves all buffers that are available.</summary>
    /// <param name="random">Fills bytes with random ones.</param>
    /// <returns>
    /// What the driver is to be told: nothing, that buffers were used, or that the device needs a reset because the
    /// driver wrote nonsense.
    /// </returns>
    public abstract BackEndAnswer Serve(Action<byte[]> random);
}

/// <summary>What a back end has to say after it has served a queue.</summary>
public enum BackEndAnswer
{
    /// <summary>Nothing.</summary>
    Nothing = 0,

    /// <summary>Interrupt the driver.</summary>
    Interrupt = 1,

    /// <summary>The driver wrote nonsense: DEVICE_NEEDS_RESET.</summary>
    NeedsReset = 2,
}

/// <summary>The memory of a guest as its device sees it.</summary>
public abstract class DriverMemory
{
    /// <summary>Writes bytes at an address that the driver gave.</summary>
    /// <returns>False where the guest has no memory there: then nothing was written.</returns>
    public abstract bool TryWrite(ulong address, ReadOnlySpan<byte> bytes);
}
