using System;
using System.Collections.Generic;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conformance.Events;

/// <summary>
/// Something that happened between a driver and one device. A source of events tells them in order, and tells of an
/// access before the device acts on it, so that what the device does stands behind it.
/// </summary>
public abstract record DriverEvent;

/// <summary>An access to registers or to PCI configuration space.</summary>
/// <param name="Region">What was accessed.</param>
/// <param name="IsWrite">Whether it was written.</param>
/// <param name="Offset">Where in the region, in bytes.</param>
/// <param name="Width">How many bytes.</param>
/// <param name="Value">What was written or read.</param>
public sealed record RegisterAccess(RegisterRegion Region, bool IsWrite, uint Offset, int Width, uint Value)
    : DriverEvent
{
    /// <inheritdoc/>
    public override string ToString() =>
        $"{Region} {(IsWrite ? "write" : "read")} +{Offset:x} {8 * Width} bits {Value:x}";
}

/// <summary>Where registers are.</summary>
public enum RegisterRegion
{
    /// <summary>The configuration space of the PCI function.</summary>
    Pci = 0,

    /// <summary>The common configuration structure.</summary>
    Common = 1,

    /// <summary>The ISR status.</summary>
    Isr = 2,

    /// <summary>The device's own configuration.</summary>
    Configuration = 3,

    /// <summary>The places for notifications.</summary>
    Notify = 4,

    /// <summary>The table and the pending bits of MSI-X.</summary>
    Vectors = 5,

    /// <summary>The register block of virtio-mmio, the device's own configuration at its end.</summary>
    Mmio = 6,

    /// <summary>Memory of the function that no capability tells of.</summary>
    Elsewhere = 7,
}

/// <summary>
/// A driver has made the device live, told by a source that sees nothing of the registers by which it did so.
/// </summary>
/// <param name="Accepted">The features that were negotiated.</param>
/// <param name="Configuration">The device's configuration, which the driver is taken to know.</param>
public sealed record BecameLive(ulong Accepted, ReadOnlyMemory<byte> Configuration) : DriverEvent
{
    /// <inheritdoc/>
    public override string ToString() => $"live with features {Accepted:x}";
}

/// <summary>The device took a buffer from a ring.</summary>
/// <param name="Queue">The queue's index.</param>
/// <param name="Buffer">The buffer as it was then.</param>
public sealed record BufferTaken(int Queue, RingBuffer Buffer) : DriverEvent
{
    /// <inheritdoc/>
    public override string ToString() => $"queue {Queue} taken {Buffer}";
}

/// <summary>The device is about to give a buffer back.</summary>
/// <param name="Queue">The queue's index.</param>
/// <param name="Id">The buffer's ID, or its head.</param>
/// <param name="Length">How many bytes the driver is told of.</param>
/// <param name="Before">The buffer's descriptors as they were when it was taken.</param>
/// <param name="Now">The same as they are now.</param>
public sealed record BufferUsed(
    int Queue, ushort Id, uint Length, IReadOnlyList<RingDescriptor> Before, IReadOnlyList<RingDescriptor> Now)
    : DriverEvent
{
    /// <inheritdoc/>
    public override string ToString() => $"queue {Queue} used id {Id} length {Length}";
}

/// <summary>The device cannot go on with a ring, because the driver broke its format.</summary>
/// <param name="Queue">The queue's index.</param>
/// <param name="Error">What it found.</param>
/// <param name="IsIndirect">Whether it found it in an indirect table.</param>
/// <param name="Slots">How many descriptors of the ring the buffer had.</param>
public sealed record RingBroken(int Queue, QueueError Error, bool IsIndirect, int Slots) : DriverEvent
{
    /// <inheritdoc/>
    public override string ToString() => $"queue {Queue} broken: {Error}";
}

/// <summary>What stands in a ring at a moment.</summary>
/// <param name="Queue">The queue's index.</param>
/// <param name="Moment">The moment.</param>
/// <param name="Ring">What stands there.</param>
public sealed record RingSeen(int Queue, RingMoment Moment, RingState Ring) : DriverEvent
{
    /// <inheritdoc/>
    public override string ToString() => $"queue {Queue} {Moment}: {Ring}";
}

/// <summary>When a ring is looked at.</summary>
public enum RingMoment
{
    /// <summary>The driver has just enabled the queue.</summary>
    Enabled = 0,

    /// <summary>The driver is just notifying.</summary>
    Notified = 1,

    /// <summary>The driver has come to rest: it does nothing more until something happens.</summary>
    Rest = 2,

    /// <summary>The device goes on with a queue that it had left, in the middle of its ring.</summary>
    Resumed = 3,

    /// <summary>A notification has arrived; the driver may have gone on since it sent it.</summary>
    Heard = 4,

    /// <summary>Nothing was heard for so long that no notification is on its way.</summary>
    Overdue = 5,

    /// <summary>The device, which asks for no notifications, looks by itself.</summary>
    Polled = 6,

    /// <summary>Notifications keep arriving long after the device asked for none.</summary>
    Insisted = 7,
}

/// <summary>The device raised an interrupt.</summary>
/// <param name="What">The message's data or the line, for people.</param>
public sealed record InterruptRaised(string What) : DriverEvent
{
    /// <inheritdoc/>
    public override string ToString() => $"interrupt {What}";
}

/// <summary>Both sides have come to rest: the driver owes nobody anything.</summary>
public sealed record CameToRest : DriverEvent
{
    /// <inheritdoc/>
    public override string ToString() => "rest";
}
