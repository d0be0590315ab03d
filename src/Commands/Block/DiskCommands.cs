using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Block;

/// <summary><c>disks</c>: shows the disks and their sizes.</summary>
public sealed class ListDisksCommand : Command
{
    public ListDisksCommand()
        : base("disks", "show the disks")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        foreach (SectorDevice disk in shell.Disks)
        {
            shell.Output.WriteLine(disk.Name + ": " + disk.Size + (disk.IsUsable ? "" : ", out of use"));
        }

        if (shell.Disks.Length == 0)
        {
            shell.Output.WriteLine("no disks");
        }

        return CommandResult.Success;
    }
}

/// <summary><c>blk D flush</c>: makes completed writes durable.</summary>
public sealed class BlockFlushCommand : BlockCommand
{
    public BlockFlushCommand()
        : base("blk D flush", "make written sectors durable")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, SectorDevice disk, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        Failure? failure = disk.Flush();
        if (failure is not null)
        {
            return Failure(disk, failure);
        }

        shell.Output.WriteLine("flushed");
        return CommandResult.Success;
    }
}
