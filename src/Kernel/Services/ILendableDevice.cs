using System.Diagnostics.CodeAnalysis;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services;

/// <summary>The owner of a device, who can stop it and let somebody else drive it for a while.</summary>
internal interface ILendableDevice
{
    /// <summary>The device.</summary>
    VirtioDevice Device { get; }

    /// <summary>
    /// Stops the device, so that somebody else may drive it until <see cref="TryResume"/>. What users of the device ask
    /// meanwhile fails or is lost.
    /// </summary>
    /// <param name="failure">Why not.</param>
    bool TrySuspend([NotNullWhen(false)] out Failure? failure);

    /// <summary>
    /// Brings the device up again, unless it was removed meanwhile. One that does not come back is given up.
    /// </summary>
    /// <param name="failure">Why not.</param>
    bool TryResume([NotNullWhen(false)] out Failure? failure);
}
