using System;
using System.Diagnostics.CodeAnalysis;
using VirtioGuest.Drivers.Virtio.Devices.Block;

namespace VirtioGuest.Cosmos.Block;

/// <summary>What to tell people of a request that did not do.</summary>
internal static class DiskTexts
{
    /// <summary>Why the device did not get the request.</summary>
    internal static string Of(SubmitStatus status)
    {
        switch (status)
        {
            case SubmitStatus.Full:
                return "the queue is full";
            case SubmitStatus.OutOfRange:
                return "a sector lies beyond the end of the disk";
            case SubmitStatus.ReadOnly:
                return "the disk is read-only";
            case SubmitStatus.NotOffered:
                return "the disk has no flush";
            case SubmitStatus.NotRunning:
                return "the device is not running";
            default:
                return "the device does not take such a request";
        }
    }

    /// <summary>Why the device did not carry the request out.</summary>
    internal static string Of(BlockStatus status)
    {
        switch (status)
        {
            case BlockStatus.IoError:
                return "the device reports an I/O error";
            case BlockStatus.Unsupported:
                return "the device does not support the request";
            case BlockStatus.NoStatus:
                return "the device gave no status";
            case BlockStatus.Abandoned:
                return "the device was cut off without confirming a reset";
            default:
                return "the device was reset";
        }
    }
}

/// <summary>The error of a buffer that does not have the size of its blocks.</summary>
internal static class DataSize
{
    /// <summary>Throws what <c>CheckDataSize</c> of Cosmos' <c>BlockDevice</c> throws.</summary>
    [DoesNotReturn]
    [SuppressMessage("Usage", "CA2201", Justification = "Callers of Cosmos' disks know this very exception.")]
    internal static void Throw() => throw new Exception("Invalid data size.");
}
