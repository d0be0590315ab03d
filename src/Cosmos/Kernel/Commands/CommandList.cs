using System;
using System.Collections.Generic;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.General;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.Operations;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Cosmos.Kernel.Files;
using VirtioGuest.Drivers.Virtio.Devices;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary>The commands of this kernel: those of every kernel, and its own.</summary>
internal static class CommandList
{
    /// <summary>All commands, in the order in which <c>help</c> lists them.</summary>
    internal static Command[] Create(FileTree files)
    {
        var commands = new List<Command>
        {
            new HelpCommand(),
            new ListDisksCommand(),
            new ListPartitionsCommand(),
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
        AddOperations(commands);
        commands.Add(new SelfTestCommand());
        commands.Add(new RebootCommand());
        commands.Add(new PowerOffCommand());
        commands.Add(new ExitCommand());
        commands.Add(new CrashCommand());
        return commands.ToArray();
    }

    private static void AddOperations(List<Command> commands)
    {
        VirtioDriver[] drivers = DriverRegistry.Drivers.ToArray();
        for (int i = 0; i < drivers.Length; i++)
        {
            DeviceOperation[] operations = drivers[i].Operations;
            for (int j = 0; j < operations.Length; j++)
            {
                commands.Add(new OperationCommand(
                    drivers[i].Prefix,
                    operations[j].Name,
                    operations[j].Argument,
                    operations[j].Maximum,
                    operations[j].Summary));
            }
        }
    }
}

/// <summary><c>crash KIND</c>: fails on purpose, to show how the kernel reports it.</summary>
internal sealed class CrashCommand : Command
{
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
