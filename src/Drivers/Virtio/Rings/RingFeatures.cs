using System;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The negotiated features that decide how a queue works, as the specification's own feature bits (virtio 1.4, 6).
/// </summary>
[Flags]
public enum RingFeatures : ulong
{
    /// <summary>A split ring with direct chains and plain notification suppression.</summary>
    None = 0,

    /// <summary>A chain may lie in a table of its own, and takes one descriptor of the ring then.</summary>
    IndirectDesc = 1UL << 28,

    /// <summary>Each side may name the buffer from which on it wants to be notified.</summary>
    EventIdx = 1UL << 29,

    /// <summary>The ring is packed, not split.</summary>
    Packed = 1UL << 34,

    /// <summary>The device uses buffers in the order in which they were made available.</summary>
    InOrder = 1UL << 35,

    /// <summary>The device orders its accesses as devices of a bus do, not as processors do.</summary>
    OrderPlatform = 1UL << 36,

    /// <summary>Notifications carry the place of the next available buffer.</summary>
    NotificationData = 1UL << 38,

    /// <summary>All that queues here know; the other bits of a negotiated set are not for them.</summary>
    All = IndirectDesc | EventIdx | Packed | InOrder | OrderPlatform | NotificationData,
}
