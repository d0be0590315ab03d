using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <summary>What was found at the start, and what came of it.</summary>
internal sealed class DeviceInventory
{
    private readonly List<Disk> _disks = [];
    private readonly List<NetworkPort> _networks = [];
    private readonly List<VirtioDevice> _virtioDevices = [];
    private readonly PciFunction[] _functions;

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

    /// <summary>The virtio devices that are driven, in the order in which they were found.</summary>
    public IReadOnlyList<VirtioDevice> VirtioDevices => _virtioDevices;

    /// <summary>The name for the next disk.</summary>
    public string NextDiskName => "disk" + _disks.Count.ToString();

    /// <summary>The name for the next network port.</summary>
    public string NextNetworkName => "net" + _networks.Count.ToString();

    /// <summary>Adds a disk.</summary>
    public void Add(Disk disk) => _disks.Add(disk);

    /// <summary>Adds a network port.</summary>
    public void Add(NetworkPort port) => _networks.Add(port);

    /// <summary>Adds the device behind a disk or port.</summary>
    public void Add(VirtioDevice device) => _virtioDevices.Add(device);

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
