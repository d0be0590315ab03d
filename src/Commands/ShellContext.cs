using System;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.Operations;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands;

/// <summary>What commands work with.</summary>
public class ShellContext
{
    /// <param name="output">Where results go.</param>
    /// <param name="system">The machine's switches.</param>
    /// <param name="disks">The disks, by number.</param>
    /// <param name="networks">The network interfaces, by number.</param>
    /// <param name="selfTests">What <c>selftest</c> runs.</param>
    /// <param name="commands">All commands, in the order in which <c>help</c> shows them.</param>
    public ShellContext(
        TextOutput output,
        CommandSystem system,
        SectorDevice[] disks,
        NetworkInterface[] networks,
        SelfTestPlan selfTests,
        Command[] commands)
    {
        Output = output;
        System = system;
        Disks = disks;
        Networks = networks;
        SelfTests = selfTests;
        Commands = commands;
    }

    /// <summary>Whether the running command should end, because Ctrl+C was typed.</summary>
    public virtual bool IsInterrupted => System.IsInterrupted;

    /// <summary>Where results go.</summary>
    public TextOutput Output { get; }

    /// <summary>The machine's switches.</summary>
    public CommandSystem System { get; }

    /// <summary>The disks, by number.</summary>
    public SectorDevice[] Disks { get; private set; }

    /// <summary>The network interfaces, by number.</summary>
    public NetworkInterface[] Networks { get; private set; }

    /// <summary>The devices that no command is made for, in the order in which they were found.</summary>
    public OperableDevice[] OtherDevices { get; set; } = Array.Empty<OperableDevice>();

    /// <summary>What <c>selftest</c> runs.</summary>
    public SelfTestPlan SelfTests { get; private set; }

    /// <summary>All commands, in the order in which <c>help</c> shows them.</summary>
    public Command[] Commands { get; }

    /// <summary>Whether a command is running.</summary>
    public CommandActivity Activity { get; } = new();

    /// <summary>Whether a command has failed since the start.</summary>
    public bool HasFailed { get; set; }

    /// <summary>Replaces the lists, after devices have been added or removed.</summary>
    public void Replace(SectorDevice[] disks, NetworkInterface[] networks, SelfTestPlan selfTests)
    {
        Disks = disks;
        Networks = networks;
        SelfTests = selfTests;
    }
}
