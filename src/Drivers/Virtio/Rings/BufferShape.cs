using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>What the segments of a buffer come to.</summary>
internal static class BufferShape
{
    /// <summary>The result for a buffer that no queue takes.</summary>
    internal const long Invalid = -1;

    /// <summary>Adds up how many bytes the device may write.</summary>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes.</param>
    /// <returns>
    /// 0 to 4294967295, or <see cref="Invalid"/> when a segment is empty or the whole does not fit the 32 bits of a
    /// used length (virtio 1.4, 2.7.5.2).
    /// </returns>
    internal static long Measure(ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        ulong readableBytes = 0;
        for (int i = 0; i < readable.Length; i++)
        {
            uint length = readable[i].Length;
            if (length == 0)
            {
                return Invalid;
            }

            readableBytes += length;
        }

        ulong writableBytes = 0;
        for (int i = 0; i < writable.Length; i++)
        {
            uint length = writable[i].Length;
            if (length == 0)
            {
                return Invalid;
            }

            writableBytes += length;
        }

        return readableBytes + writableBytes <= uint.MaxValue ? (long)writableBytes : Invalid;
    }
}
