using System.Collections.Generic;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.SelfTest;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.Shell;

/// <summary>All that commands work with.</summary>
internal sealed class ShellContext
{
    /// <summary>Where results go.</summary>
    public required TextOutput Output { get; init; }

    /// <summary>The machine's own controls and statistics.</summary>
    public required SystemControl System { get; init; }

    /// <summary>The devices that were found.</summary>
    public required DeviceInventory Devices { get; init; }

    /// <summary>What <c>selftest</c> runs.</summary>
    public required SelfTestPlan SelfTests { get; init; }

    /// <summary>The disks, by number.</summary>
    public IReadOnlyList<Disk> Disks => Devices.Disks;

    /// <summary>The network ports, by number.</summary>
    public IReadOnlyList<NetworkPort> Networks => Devices.Networks;

    /// <summary>Every command that can be typed, in the order in which <c>help</c> shows them.</summary>
    public required IReadOnlyList<Command> Commands { get; init; }

    /// <summary>Whether a command has failed since the start.</summary>
    public bool HasFailed { get; set; }
}
