using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands;

/// <summary>All that commands work with.</summary>
public sealed class ShellContext
{
    /// <summary>Puts a shell's surroundings together; the lists do not change afterwards.</summary>
    /// <param name="output">Where results go.</param>
    /// <param name="system">The machine's switches.</param>
    /// <param name="disks">The disks, by number.</param>
    /// <param name="networks">The network interfaces, by number.</param>
    /// <param name="selfTests">What <c>selftest</c> runs.</param>
    /// <param name="commands">Every command that can be typed, in the order in which <c>help</c> shows them.</param>
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

    /// <summary>Where results go.</summary>
    public TextOutput Output { get; }

    /// <summary>The machine's switches.</summary>
    public CommandSystem System { get; }

    /// <summary>The disks, by number.</summary>
    public SectorDevice[] Disks { get; }

    /// <summary>The network interfaces, by number.</summary>
    public NetworkInterface[] Networks { get; }

    /// <summary>What <c>selftest</c> runs.</summary>
    public SelfTestPlan SelfTests { get; }

    /// <summary>Every command that can be typed, in the order in which <c>help</c> shows them.</summary>
    public Command[] Commands { get; }

    /// <summary>Whether a command runs.</summary>
    public CommandActivity Activity { get; } = new CommandActivity();

    /// <summary>Whether a command has failed since the start.</summary>
    public bool HasFailed { get; set; }
}
