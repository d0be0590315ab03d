using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.General;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Cosmos.Kernel.Files;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary>The commands of this kernel: those of every kernel, and its own.</summary>
internal static class CommandList
{
    /// <summary>Creates all commands, in the order in which <c>help</c> shows them.</summary>
    /// <param name="files">The files that some of them are for.</param>
    internal static Command[] Create(FileTree files) => new Command[]
    {
        new HelpCommand(),
        new ListDisksCommand(),
        new BlockReadCommand(),
        new BlockChecksumCommand(),
        new BlockFillCommand(),
        new BlockVerifyCommand(),
        new BlockFlushCommand(),
        new ListFilesCommand(files),
        new ShowFileCommand(files),
        new WriteFileCommand(files),
        new DeleteFileCommand(files),
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
