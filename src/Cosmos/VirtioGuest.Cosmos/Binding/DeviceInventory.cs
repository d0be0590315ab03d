using System.Collections.Generic;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Net;

namespace VirtioGuest.Cosmos.Binding;

/// <summary>The devices that are in use.</summary>
public sealed class DeviceInventory
{
    /// <summary>The disks, in the order in which they were found.</summary>
    public List<DiskAccess> Disks { get; } = new List<DiskAccess>();

    /// <summary>The network cards, in the order in which they were found.</summary>
    public List<CardAccess> Cards { get; } = new List<CardAccess>();
}
