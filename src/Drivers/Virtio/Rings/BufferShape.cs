using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>What the segments of a buffer come to.</summary>
internal static class BufferShape
{
    /// <summary>Adds up a buffer.</summary>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes.</param>
    /// <param name="writableBytes">How many bytes the device may write.</param>
    /// <returns>
    /// False when a segment is empty, or when the whole does not fit the 32 bits of a used length (virtio 1.4,
    /// 2.7.5.2).
    /// </returns>
    internal static bool TryMeasure(
        ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, out uint writableBytes)
    {
        bool isWhole = TrySum(readable, out ulong readableTotal) & TrySum(writable, out ulong writableTotal);
        writableBytes = (uint)writableTotal;
        return isWhole && readableTotal + writableTotal <= uint.MaxValue;
    }

    private static bool TrySum(ReadOnlySpan<DmaSegment> segments, out ulong total)
    {
        total = 0;
        for (int i = 0; i < segments.Length; i++)
        {
            uint length = segments[i].Length;
            if (length == 0)
            {
                return false;
            }

            total += length;
        }

        return true;
    }
}
