using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Block;

/// <summary>What a request must be like before a device gets it (virtio 1.4, 5.2.6.1).</summary>
internal static class BlockRequestRules
{
    /// <summary>Looks whether a device can be given a request.</summary>
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
