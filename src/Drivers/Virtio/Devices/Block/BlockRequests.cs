using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>What a request must be like before a device gets it (virtio 1.4, 5.2.6.1).</summary>
internal static class BlockRequestRules
{
    /// <summary>
    /// Whether a request is a read or a write with one data segment that a device can be given.
    /// </summary>
    /// <param name="device">The device.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="sector">The first sector.</param>
    /// <param name="length">The length of the segment.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsPlain(VirtioBlock device, BlockOperation operation, ulong sector, uint length)
    {
        ulong capacity = device.Capacity;
        return length - 1 < device.MaximumSegmentLength
            && length % VirtioBlock.SectorSize == 0
            && sector <= capacity
            && length / VirtioBlock.SectorSize <= capacity - sector
            && (operation == BlockOperation.Read || (operation == BlockOperation.Write && !device.IsReadOnly));
    }

    /// <summary>Looks whether a device can be given a request, and if not, why.</summary>
    internal static SubmitStatus Check(
        VirtioBlock device, BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data)
    {
        if (operation == BlockOperation.Flush)
        {
            return !device.HasFlush ? SubmitStatus.NotOffered
                : data.Length == 0 ? SubmitStatus.Ok : SubmitStatus.Invalid;
        }

        if (operation == BlockOperation.Write && device.IsReadOnly)
        {
            return SubmitStatus.ReadOnly;
        }

        if (data.Length == 0 || data.Length > device.MaximumSegments
            || (operation != BlockOperation.Read && operation != BlockOperation.Write))
        {
            return SubmitStatus.Invalid;
        }

        ulong bytes = 0;
        for (int i = 0; i < data.Length; i++)
        {
            uint length = data[i].Length;
            if (length == 0 || length > device.MaximumSegmentLength)
            {
                return SubmitStatus.Invalid;
            }

            bytes += length;
        }

        if (bytes % VirtioBlock.SectorSize != 0)
        {
            return SubmitStatus.Invalid;
        }

        ulong capacity = device.Capacity;
        return sector <= capacity && bytes / VirtioBlock.SectorSize <= capacity - sector
            ? SubmitStatus.Ok
            : SubmitStatus.OutOfRange;
    }
}

/// <summary>What a request does, by the specification's numbers (virtio 1.4, 5.2.6).</summary>
public enum BlockOperation
{
    /// <summary>Reads sectors: <c>VIRTIO_BLK_T_IN</c>.</summary>
    Read = 0,

    /// <summary>Writes sectors: <c>VIRTIO_BLK_T_OUT</c>.</summary>
    Write = 1,

    /// <summary>Makes completed writes durable: <c>VIRTIO_BLK_T_FLUSH</c>.</summary>
    Flush = 4,
}

/// <summary>What became of a request that was submitted.</summary>
public enum SubmitStatus
{
    /// <summary>The device has it; a completion follows.</summary>
    Ok = 0,

    /// <summary>As many requests as possible are in flight; try again after a completion.</summary>
    Full = 1,

    /// <summary>A sector lies beyond the capacity.</summary>
    OutOfRange = 2,

    /// <summary>The device is read-only.</summary>
    ReadOnly = 3,

    /// <summary>
    /// The device offers no flush; its writes are durable once completed (virtio 1.4, 5.2.5.1).
    /// </summary>
    NotOffered = 4,

    /// <summary>
    /// The data is not what the operation takes: not a positive multiple of 512 bytes, more or longer segments than the
    /// device takes, or data for a flush.
    /// </summary>
    Invalid = 5,

    /// <summary>The device is not running.</summary>
    NotRunning = 6,
}
