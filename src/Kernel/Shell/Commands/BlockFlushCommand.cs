using System;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>blk D flush</c>: makes what was written durable.</summary>
internal sealed class BlockFlushCommand : BlockCommand
{
    /// <summary>Creates the command.</summary>
    public BlockFlushCommand()
        : base("flush", "", "make written sectors durable")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, Disk device, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        DiskStatus status = device.Flush();
        if (status != DiskStatus.Ok)
        {
            return Failure(device, status);
        }

        shell.Output.WriteLine("flushed");
        return CommandResult.Success;
    }
}
