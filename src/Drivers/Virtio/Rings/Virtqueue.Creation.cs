using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <content>How queues are made.</content>
public abstract partial class Virtqueue
{
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
}
