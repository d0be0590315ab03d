using VirtioGuest.Commands.Block;

namespace VirtioGuest.Kernel.Services;

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
        DiskStatus.OutOfRange => SectorDevice.OutOfRange,
        DiskStatus.TimedOut => "the device did not answer in time and was reset",
        DiskStatus.DeviceReset => "the device misbehaved and was reset before it was done",
        DiskStatus.DeviceBroken => "the device misbehaved and is out of use",
        DiskStatus.Removed => "the device was removed",
        _ => "no memory or queue space for the request",
    };
}
