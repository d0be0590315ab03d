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
    internal static BlockStatus Check(
        VirtioBlock device, BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, out uint bytes)
    {
        bytes = Measure(device, data);
        switch (operation)
        {
            case BlockOperation.Flush:
                return !device.HasFlush ? BlockStatus.NotOffered
                    : data.Length == 0 ? BlockStatus.Ok : BlockStatus.Invalid;
            case BlockOperation.Write when device.IsReadOnly:
                return BlockStatus.ReadOnly;
            case BlockOperation.Read or BlockOperation.Write when bytes != 0 && bytes % VirtioBlock.SectorSize == 0:
                return IsTransfer(device, operation, sector, bytes) ? BlockStatus.Ok : BlockStatus.OutOfRange;
            default:
                return BlockStatus.Invalid;
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
