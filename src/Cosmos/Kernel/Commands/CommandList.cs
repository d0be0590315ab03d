using System;
using System.Collections.Generic;
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
    internal static Command[] Create(FileTree files)
    {
        var commands = new List<Command>
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
        };
        DriverOperations.AddTo(commands);
        commands.Add(new SelfTestCommand());
        commands.Add(new RebootCommand());
        commands.Add(new PowerOffCommand());
        commands.Add(new ExitCommand());
        commands.Add(new CrashCommand());
        return commands.ToArray();
    }
}

/// <summary><c>crash KIND</c>: fails on purpose, so that the report can be looked at.</summary>
internal sealed class CrashCommand : Command
{
    /// <summary>Creates the command.</summary>
    internal CrashCommand()
        : base("crash KIND", "fail on purpose: exception")
    {
    }

    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length == 1 && arguments[0] == "exception")
        {
            throw new InvalidOperationException("asked for by the crash command");
        }

        return CommandResult.WrongArguments;
    }
}
