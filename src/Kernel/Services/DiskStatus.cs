using VirtioGuest.Commands.Block;

namespace VirtioGuest.Kernel.Services;

/// <summary>What became of a request to a disk.</summary>
internal enum DiskStatus
{
    /// <summary>It was carried out.</summary>
    Ok,

    /// <summary>The device reported an error.</summary>
    DeviceError,

    /// <summary>The device does not know the request.</summary>
    Unsupported,

    /// <summary>The disk cannot be written to.</summary>
    ReadOnly,

    /// <summary>A part of it lies beyond the disk's end; nothing was done.</summary>
    OutOfRange,

    /// <summary>The device did not answer in time, and was reset.</summary>
    TimedOut,

    /// <summary>The device misbehaved and was reset before it had done it; any part may have been done.</summary>
    DeviceReset,

    /// <summary>The device was given up; it takes no more requests.</summary>
    DeviceBroken,

    /// <summary>The device was taken out of the machine; it takes no more requests.</summary>
    Removed,

    /// <summary>There was no memory or no room in the queue for the request.</summary>
    NoResources,
}

/// <summary>Says to people what a <see cref="DiskStatus"/> means.</summary>
internal static class DiskStatusText
{
    /// <summary>A few words, fit to follow the disk's name and a colon.</summary>
    public static string Describe(this DiskStatus status) => status switch
    {
        DiskStatus.Ok => "done",
        DiskStatus.DeviceError => "the device reports an I/O error",
        DiskStatus.Unsupported => "the device does not support the request",
        DiskStatus.ReadOnly => "the disk is read-only",
        DiskStatus.OutOfRange => SectorDevice.OutOfRange.Of("the device"),
        DiskStatus.TimedOut => "the device did not answer in time and was reset",
        DiskStatus.DeviceReset => "the device misbehaved and was reset before it was done",
        DiskStatus.DeviceBroken => "the device misbehaved and is out of use",
        DiskStatus.Removed => "the device was removed",
        _ => "no memory or queue space for the request",
    };
}
