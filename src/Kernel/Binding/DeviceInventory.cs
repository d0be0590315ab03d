using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <summary>What was found, at the start and later, and what came of it.</summary>
/// <remarks>
/// A disk or port that was removed keeps its place and its name. Lists are replaced, never changed, so that commands
/// can walk one while a device comes or goes.
/// </remarks>
internal sealed class DeviceInventory
{
    private Disk[] _disks = [];
    private NetworkPort[] _networks = [];
    private OtherDevice[] _others = [];
    private VirtioDevice[] _virtioDevices = [];
    private PciFunction[] _functions;

    /// <summary>Creates an inventory of functions that nobody drives yet.</summary>
    public DeviceInventory(ReadOnlySpan<PciFunction> functions)
    {
        _functions = functions.ToArray();
    }

    /// <summary>The functions on the PCI buses, by address.</summary>
    public ReadOnlySpan<PciFunction> Functions => _functions;

    /// <summary>How configuration space is reached, for people; empty where there are no PCI buses.</summary>
    public string ConfigurationSpace { get; init; } = "";

    /// <summary>The disks, by number.</summary>
    public IReadOnlyList<Disk> Disks => _disks;

    /// <summary>The network ports, by number.</summary>
    public IReadOnlyList<NetworkPort> Networks => _networks;

    /// <summary>The devices that are neither, in the order in which they were found.</summary>
    public IReadOnlyList<OtherDevice> Others => _others;

    /// <summary>Those whose devices are still there.</summary>
    public OtherDevice[] PresentOthers => Array.FindAll(_others, other => !other.IsRemoved);

    /// <summary>The disks whose devices are still there.</summary>
    public IReadOnlyList<Disk> PresentDisks => Array.FindAll(_disks, disk => !disk.IsRemoved);

    /// <summary>The network ports whose devices are still there.</summary>
    public IReadOnlyList<NetworkPort> PresentNetworks =>
        Array.FindAll(_networks, port => !port.IsRemoved);

    /// <summary>The virtio devices that are driven, in the order in which they were found.</summary>
    public IReadOnlyList<VirtioDevice> VirtioDevices => _virtioDevices;

    /// <summary>The name for the next disk.</summary>
    public string NextDiskName => "disk" + _disks.Length.ToString();

    /// <summary>The name for the next network port.</summary>
    public string NextNetworkName => "net" + _networks.Length.ToString();

    /// <summary>The name for the next device of another kind.</summary>
    /// <param name="prefix">What the kind is called.</param>
    public string NextName(string prefix) =>
        prefix + Array.FindAll(_others, other => other.Kind == prefix).Length.ToString();

    /// <summary>Adds a disk.</summary>
    public void Add(Disk disk) => _disks = [.. _disks, disk];

    /// <summary>Adds a network port.</summary>
    public void Add(NetworkPort port) => _networks = [.. _networks, port];

    /// <summary>Adds a device of another kind.</summary>
    public void Add(OtherDevice other) => _others = [.. _others, other];

    /// <summary>Adds the device behind a disk or port.</summary>
    public void Add(VirtioDevice device) => _virtioDevices = [.. _virtioDevices, device];

    /// <summary>Replaces the functions.</summary>
    public void ReplaceFunctions(ReadOnlySpan<PciFunction> functions) => _functions = functions.ToArray();

    /// <summary>Ends the service of the device at a place, which is about to be taken out or has been.</summary>
    /// <returns>What it was called; null where nobody drives it.</returns>
    public string? Remove(string location)
    {
        foreach (Disk disk in _disks)
        {
            if (!disk.IsRemoved && disk.Device.Transport.Location == location)
            {
                disk.Remove();
                return Forget(disk.Device);
            }
        }

        foreach (NetworkPort port in _networks)
        {
            if (!port.IsRemoved && port.Link is VirtioLink own && own.Device.Transport.Location == location)
            {
                port.Remove();
                return Forget(own.Device);
            }
        }

        foreach (OtherDevice other in _others)
        {
            if (!other.IsRemoved && other.Device.Transport.Location == location)
            {
                other.Remove();
                return Forget(other.Device);
            }
        }

        return null;
    }

    private string Forget(VirtioDevice device)
    {
        _virtioDevices = Array.FindAll(_virtioDevices, other => other != device);
        return device.Name;
    }

    /// <summary>What the device at a place on the bus is called; null where nobody drives it.</summary>
    public string? FindName(string location)
    {
        foreach (VirtioDevice device in _virtioDevices)
        {
            if (device.Transport.Location == location)
            {
                return device.Name;
            }
        }

        return null;
    }
}
