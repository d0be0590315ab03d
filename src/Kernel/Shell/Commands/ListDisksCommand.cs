using System;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>disks</c>: the disks and their sizes.</summary>
internal sealed class ListDisksCommand : Command
{
    /// <summary>Creates the command.</summary>
    public ListDisksCommand()
        : base("disks", "show the disks")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        foreach (Disk disk in shell.Disks)
        {
            shell.Output.WriteLine(disk.Name + ": " + disk.Size + (disk.IsUsable ? "" : ", out of use"));
        }

        if (shell.Disks.Count == 0)
        {
            shell.Output.WriteLine("no disks");
        }

        return CommandResult.Success;
    }
}
