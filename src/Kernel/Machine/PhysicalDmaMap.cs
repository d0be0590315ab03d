using System;
using System.Buffers;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

/// <summary>Turns buffers into runs of physical memory.</summary>
internal sealed unsafe class PhysicalDmaMap : DmaMap
{
    private readonly AddressTranslation _translation;

    /// <summary>Creates an empty map that copies nothing.</summary>
    /// <param name="translation">Where memory is.</param>
    /// <param name="maximumSegments">At least 1.</param>
    /// <param name="maximumSegmentLength">In bytes, at least 1.</param>
    /// <param name="highestAddress">The last physical byte that the device can address.</param>
    public PhysicalDmaMap(
        AddressTranslation translation,
        int maximumSegments,
        uint maximumSegmentLength,
        ulong highestAddress)
        : this(translation, new DmaMapLimits(maximumSegments, maximumSegmentLength), highestAddress, null)
    {
    }

    /// <summary>Creates an empty map.</summary>
    /// <param name="translation">Where memory is.</param>
    /// <param name="limits">What segments have to be like.</param>
    /// <param name="highestAddress">The last physical byte that the machine lets the device address.</param>
    /// <param name="bounce">Memory to copy through, or null.</param>
    public PhysicalDmaMap(
        AddressTranslation translation, DmaMapLimits limits, ulong highestAddress, BouncePool? bounce)
        : base(Narrow(limits, highestAddress), bounce)
    {
        _translation = translation;
    }

    /// <inheritdoc/>
    protected override DmaStatus LoadDirect(byte* buffer, uint length)
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
            DmaStatus status = run == 0 ? DmaStatus.Unreachable : Append(physical, run);
            if (status != DmaStatus.Ok)
            {
                return status;
            }

            done += run;
        }

        return DmaStatus.Ok;
    }

    /// <inheritdoc/>
    /// <remarks>Nothing to maintain: devices of a PC see the processor's caches.</remarks>
    protected override void SyncDirect(uint offset, uint length, DmaSync operation, AccessSite site)
    {
    }

    /// <inheritdoc/>
    protected override void UnloadDirect()
    {
    }

    private static DmaMapLimits Narrow(DmaMapLimits limits, ulong highestAddress) => new(
        limits.MaximumSegments,
        limits.MaximumSegmentLength,
        Math.Min(limits.HighestAddress, highestAddress),
        limits.Alignment,
        limits.Boundary);
}

/// <summary>Managed memory that does not move.</summary>
internal static unsafe class PinnedMemory
{
    /// <summary>Loads an array that was allocated on the pinned heap.</summary>
    public static DmaStatus Load(DmaMap map, byte[] pinned)
    {
        fixed (byte* start = pinned)
        {
            return map.Load(start, (uint)pinned.Length);
        }
    }

    /// <summary>Loads memory that somebody has pinned.</summary>
    /// <param name="map">Where it goes.</param>
    /// <param name="pin">What holds it in its place.</param>
    /// <param name="length">Its size in bytes.</param>
    public static DmaStatus Load(DmaMap map, in MemoryHandle pin, int length) =>
        map.Load((byte*)pin.Pointer, (uint)length);
}
