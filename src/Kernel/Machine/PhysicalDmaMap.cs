using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

/// <summary>
/// Turns buffers into runs of physical memory: neighbours are merged, and runs are split at the longest segment that
/// the device takes.
/// </summary>
internal sealed unsafe class PhysicalDmaMap : DmaMap
{
    private readonly AddressTranslation _translation;
    private readonly uint _maximumSegmentLength;
    private readonly ulong _highestAddress;

    /// <summary>Creates an empty map.</summary>
    /// <param name="translation">Where memory is.</param>
    /// <param name="maximumSegments">At least 1.</param>
    /// <param name="maximumSegmentLength">In bytes, at least 1.</param>
    /// <param name="highestAddress">The last physical byte that the device can address.</param>
    public PhysicalDmaMap(
        AddressTranslation translation,
        int maximumSegments,
        uint maximumSegmentLength,
        ulong highestAddress)
        : base(maximumSegments)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maximumSegments, 1);
        ArgumentOutOfRangeException.ThrowIfZero(maximumSegmentLength);
        _translation = translation;
        _maximumSegmentLength = maximumSegmentLength;
        _highestAddress = highestAddress;
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">A buffer is loaded already.</exception>
    public override DmaStatus Load(byte* buffer, uint length)
    {
        if (SegmentCount != 0)
        {
            throw new InvalidOperationException("a DMA map was loaded twice");
        }

        DmaStatus status = AddRuns(buffer, length);
        if (status != DmaStatus.Ok)
        {
            SegmentCount = 0;
        }

        return status;
    }

    /// <inheritdoc/>
    /// <remarks>Nothing to maintain: devices of a PC see the processor's caches.</remarks>
    public override void Sync(uint offset, uint length, DmaSync operation)
    {
    }

    /// <inheritdoc/>
    public override void Unload() => SegmentCount = 0;

    private DmaStatus AddRuns(byte* buffer, uint length)
    {
        uint done = 0;
        bool isPopulated = false;
        while (done < length)
        {
            uint left = length - done;
            if (!_translation.TryTranslate(buffer + done, left, out ulong physical, out ulong contiguous))
            {
                // Heap memory that nobody has written yet has no frame; one look-up is enough for all of the rest.
                if (isPopulated || !_translation.Populate(buffer + done, left))
                {
                    return DmaStatus.Unreachable;
                }

                isPopulated = true;
                continue;
            }

            uint run = (uint)Math.Min(contiguous, left);
            if (run == 0 || physical > _highestAddress || run - 1 > _highestAddress - physical)
            {
                return DmaStatus.Unreachable;
            }

            DmaStatus status = AddRun(physical, run);
            if (status != DmaStatus.Ok)
            {
                return status;
            }

            done += run;
        }

        return DmaStatus.Ok;
    }

    private DmaStatus AddRun(ulong physical, uint length)
    {
        DmaSegment[] segments = SegmentStore;
        if (SegmentCount > 0)
        {
            ref DmaSegment last = ref segments[SegmentCount - 1];
            if (last.DeviceAddress + last.Length == physical)
            {
                uint merged = Math.Min(_maximumSegmentLength - last.Length, length);
                last.Length += merged;
                physical += merged;
                length -= merged;
            }
        }

        while (length != 0)
        {
            if (SegmentCount == segments.Length)
            {
                return DmaStatus.TooManySegments;
            }

            uint part = Math.Min(_maximumSegmentLength, length);
            segments[SegmentCount++] = new DmaSegment(physical, part);
            physical += part;
            length -= part;
        }

        return DmaStatus.Ok;
    }
}
