using System;
using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>
/// Watches whose each byte is: from a PRE operation until its POST operation the device's, else the processor's.
/// </summary>
/// <remarks>
/// Reported are an access of the processor to a byte that is handed over, a write of a device to a byte that was not
/// handed over for it, a PRE operation twice, a POST operation without its PRE, and memory given up while handed over.
/// A read of a device is not: polling, it may look at what is not its own.
/// </remarks>
internal sealed class OwnershipAuditor
{
    private readonly List<string> _violations;
    private readonly bool _isOn;

    /// <summary>Creates an auditor.</summary>
    /// <param name="violations">Where it reports.</param>
    /// <param name="isOn">Whether it reports anything.</param>
    internal OwnershipAuditor(List<string> violations, bool isOn)
    {
        _violations = violations;
        _isOn = isOn;
    }

    /// <summary>Told of each report, in the same words.</summary>
    internal Action<string>? Reported { get; set; }

    /// <summary>The processor reads or writes.</summary>
    internal void Touch(SimulatedRegion region, uint offset, uint length, string what, AccessSite site)
    {
        if (_isOn && TryFind(region, offset, length, isOwned: true, byte.MaxValue, out uint found))
        {
            Report(region, found, $"the processor {what} while it is the device's", site);
        }
    }

    /// <summary>A device writes.</summary>
    internal void DeviceStores(SimulatedRegion region, uint offset, uint length, AccessSite site)
    {
        if (_isOn && TryFind(region, offset, length, isOwned: false, (byte)DmaSync.PreRead, out uint found))
        {
            Report(region, found, "a device writes what had no PREREAD", site);
        }
    }

    /// <summary>
    /// A range is handed over. Where a call does both, it takes the bytes over before it hands them back.
    /// </summary>
    internal void Sync(SimulatedRegion region, uint offset, uint length, DmaSync operation, AccessSite site)
    {
        Take(region, offset, length, operation, DmaSync.PostRead, DmaSync.PreRead, site);
        Take(region, offset, length, operation, DmaSync.PostWrite, DmaSync.PreWrite, site);
        Give(region, offset, length, operation, DmaSync.PreRead, site);
        Give(region, offset, length, operation, DmaSync.PreWrite, site);
    }

    /// <summary>The driver gives up a range.</summary>
    internal void GiveUp(SimulatedRegion region, uint offset, uint length, string what)
    {
        if (_isOn && TryFind(region, offset, length, isOwned: true, byte.MaxValue, out uint found))
        {
            Report(region, found, $"{what} while it is the device's", AccessSite.Unnamed);
        }
    }

    /// <summary>Reports something.</summary>
    internal void Report(SimulatedRegion region, uint offset, string what, AccessSite site)
    {
        string place = site == AccessSite.Unnamed ? string.Empty : $" (site {(int)site})";
        string report = $"region {region.Number}, byte {offset}: {what}{place}";
        _violations.Add(report);
        Reported?.Invoke(report);
    }

    private static bool TryFind(
        SimulatedRegion region, uint offset, uint length, bool isOwned, byte mask, out uint found)
    {
        byte[] owners = region.Owners;
        for (found = offset; found < offset + length; found++)
        {
            if ((owners[found] & mask) != 0 == isOwned)
            {
                return true;
            }
        }

        return false;
    }

    private void Take(
        SimulatedRegion region, uint offset, uint length, DmaSync operation, DmaSync post, DmaSync pre, AccessSite site)
    {
        if ((operation & post) == 0)
        {
            return;
        }

        if (_isOn && TryFind(region, offset, length, isOwned: false, (byte)pre, out uint found))
        {
            Report(region, found, $"{post} without {pre}", site);
        }

        for (uint i = offset; i < offset + length; i++)
        {
            region.Owners[i] &= (byte)~pre;
        }
    }

    private void Give(
        SimulatedRegion region, uint offset, uint length, DmaSync operation, DmaSync pre, AccessSite site)
    {
        if ((operation & pre) == 0)
        {
            return;
        }

        if (_isOn && TryFind(region, offset, length, isOwned: true, (byte)pre, out uint found))
        {
            Report(region, found, $"{pre} twice", site);
        }

        for (uint i = offset; i < offset + length; i++)
        {
            region.Owners[i] |= (byte)pre;
        }
    }
}
