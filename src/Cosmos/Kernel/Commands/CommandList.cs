using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.General;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.SelfTest;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary>The commands of this kernel: those of every kernel, and its own.</summary>
internal static class CommandList
{
    /// <summary>Creates all commands, in the order in which <c>help</c> shows them.</summary>
    internal static Command[] Create() => new Command[]
    {
        new HelpCommand(),
        new ListDisksCommand(),
        new BlockReadCommand(),
        new BlockChecksumCommand(),
        new BlockFillCommand(),
        new BlockVerifyCommand(),
        new BlockFlushCommand(),
        new NetworkStatusCommand(),
        new NetworkDhcpCommand(),
        new NetworkPingCommand(),
        new SelfTestCommand(),
        new RebootCommand(),
        new PowerOffCommand(),
        new ExitCommand(),
        new CrashCommand(),
    };
}
