using System.Collections.Generic;
using VirtioGuest.Kernel.Shell.Commands;

namespace VirtioGuest.Kernel.Shell;

/// <summary>The commands of this kernel.</summary>
internal static class CommandList
{
    /// <summary>Creates all commands, in the order in which <c>help</c> shows them.</summary>
    public static IReadOnlyList<Command> Create() =>
    [
        new HelpCommand(),
        new ListPciCommand(),
        new ListVirtioCommand(),
        new MemoryCommand(),
        new ThreadsCommand(),
        new ListDisksCommand(),
        new BlockReadCommand(),
        new BlockChecksumCommand(),
        new BlockFillCommand(),
        new BlockVerifyCommand(),
        new BlockFlushCommand(),
        new BlockBenchCommand(),
        new NetworkStatusCommand(),
        new NetworkDhcpCommand(),
        new NetworkPingCommand(),
        new SelfTestCommand(),
        new RebootCommand(),
        new PowerOffCommand(),
        new ExitCommand(),
        new CrashCommand(),
    ];
}
