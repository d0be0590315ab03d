using System;
using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Architecture.Tests.Arrows;

/// <summary>Which project under src may know which: arrows point down only.</summary>
public static class Layers
{
    /// <summary>LibOS lies under .NET: nobody refers to it, the kernel only builds it.</summary>
    public const string LibOs = "VirtioGuest.LibOS";

    /// <summary>The one project that builds LibOS.</summary>
    public const string Kernel = "VirtioGuest.Kernel";

    private const string Hal = "VirtioGuest.Hal";
    private const string Pci = "VirtioGuest.Pci";
    private const string Volumes = "VirtioGuest.Volumes";
    private const string Commands = "VirtioGuest.Commands";
    private const string Virtio = "VirtioGuest.Drivers.Virtio";
    private const string Net = "VirtioGuest.Net";
    private const string Sockets = "VirtioGuest.Sockets";
    private const string Devices = "VirtioGuest.Devices";
    private const string Recording = "VirtioGuest.Recording";
    private const string Simulation = "VirtioGuest.Simulation";
    private const string DeviceConformance = "VirtioGuest.DeviceConformance";
    private const string Conformance = "VirtioGuest.Conformance";
    private const string VhostUser = "VirtioGuest.VhostUser";
    private const string Cosmos = "VirtioGuest.Cosmos";
    private const string CosmosPlugs = "VirtioGuest.Cosmos.Plugs";
    private const string CosmosKernel = "VirtioGuest.Cosmos.Kernel";

    private const string Labs = "VirtioGuest.Labs";
    private const string LabsStarters = "Starters";
    private const string LabsGuest = "VirtioGuest.Labs.Guest";
    private const string LabsGrader = "VirtioGuest.Labs.Grader";

    /// <summary>Each project and what lies below it, however far.</summary>
    private static readonly Dictionary<string, string[]> s_below = new()
    {
        [LibOs] = [],
        [Hal] = [],
        [Net] = [Hal],
        [Sockets] = [Net, Hal],
        [Pci] = [Hal],
        [Volumes] = [Hal],
        [Commands] = [Volumes, Pci, Hal],
        [Virtio] = [Pci, Hal],
        [Devices] = [Pci, Hal],
        [Recording] = [Devices, Pci, Hal],
        [Simulation] = [Recording, Devices, Pci, Hal],
        [VhostUser] = [Recording, Devices, Pci, Hal],
        [Conformance] = [VhostUser, Devices, Pci, Hal],
        [DeviceConformance] = [Virtio, Pci, Hal],
        [Kernel] = [DeviceConformance, Commands, Volumes, Sockets, Net, Virtio, Recording, Devices, Pci, Hal],
        [Labs] = [Pci, Hal],
        [LabsStarters] = [Labs],
        [LabsGuest] = [Labs, Kernel, Pci, Hal],
        [LabsGrader] = [Labs, Conformance, Simulation, Devices, Pci, Hal],
        [Cosmos] = [Volumes, Net, Virtio, Devices, Pci, Hal],
        [CosmosPlugs] = [Cosmos, Volumes, Net, Virtio, Devices, Pci, Hal],
        [CosmosKernel] = [Cosmos, Commands, Volumes, Net, Virtio, Devices, Pci, Hal],
    };

    /// <summary>Reports the arrows that do not point down; names from outside this house are passed over.</summary>
    public static IEnumerable<string> Broken(string project, IEnumerable<string> references)
    {
        if (!s_below.TryGetValue(project, out string[]? below))
        {
            return [$"{project} has no place in {nameof(Layers)}: say what lies below it"];
        }

        return references
            .Where(reference => reference.StartsWith("VirtioGuest.", StringComparison.Ordinal))
            .Where(reference => !below.Contains(reference))
            .Select(reference => $"{project} refers to {reference}, which does not lie below it");
    }
}
