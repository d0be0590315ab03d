using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>What a request must be like before a device gets it (virtio 1.4, 5.2.6.1).</summary>
internal static class BlockRequestRules
{
    /// <summary>Whether a device can be given a read or a write of so many bytes, at least 1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsTransfer(VirtioBlock device, BlockOperation operation, ulong sector, uint bytes)
    {
        ulong capacity = device.Capacity;
        return bytes % VirtioBlock.SectorSize == 0
            && sector <= capacity
            && bytes / VirtioBlock.SectorSize <= capacity - sector
            && (operation == BlockOperation.Read || (operation == BlockOperation.Write && !device.IsReadOnly));
    }

    /// <summary>Looks whether a device can be given a request, and if not, why.</summary>
    /// <param name="device">The device.</param>
    /// <param name="operation">What to do.</param>
    /// <param name="sector">The first sector.</param>
    /// <param name="data">What is transferred.</param>
    /// <param name="bytes">How many bytes that has; 0 where it cannot be transferred at all.</param>
    internal static SubmitStatus Check(
        VirtioBlock device, BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, out uint bytes)
    {
        bytes = Measure(device, data);
        switch (operation)
        {
            case BlockOperation.Flush:
                return !device.HasFlush ? SubmitStatus.NotOffered
                    : data.Length == 0 ? SubmitStatus.Ok : SubmitStatus.Invalid;
            case BlockOperation.Write when device.IsReadOnly:
                return SubmitStatus.ReadOnly;
            case BlockOperation.Read or BlockOperation.Write when bytes != 0 && bytes % VirtioBlock.SectorSize == 0:
                return IsTransfer(device, operation, sector, bytes) ? SubmitStatus.Ok : SubmitStatus.OutOfRange;
            default:
                return SubmitStatus.Invalid;
        }
    }

    private static uint Measure(VirtioBlock device, ReadOnlySpan<DmaSegment> data)
    {
        ulong bytes = 0;
        for (int i = 0; i < data.Length; i++)
        {
            uint length = data[i].Length;
            if (length == 0 || length > device.MaximumSegmentLength)
            {
                return 0;
            }

            bytes += length;
        }

        return data.Length <= device.MaximumSegments && bytes <= VirtioBlock.MaximumRequestLength ? (uint)bytes : 0;
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
