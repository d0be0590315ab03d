using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices;

/// <summary>What an available buffer notification said.</summary>
/// <param name="Identifier">The queue's index, or its notification configuration data.</param>
/// <param name="Position">
/// Where the next buffer will be made available; null without NOTIFICATION_DATA.
/// </param>
public readonly record struct QueueNotification(ushort Identifier, RingPosition? Position)
{
    /// <summary>Takes apart the 32 bits of NOTIFICATION_DATA (virtio 1.4, 2.9).</summary>
    public static QueueNotification FromData(uint value) =>
        new QueueNotification((ushort)value, new RingPosition((ushort)((value >> 16) & 0x7FFF), value >> 31 != 0));
}
