namespace VirtioGuest.Commands.Block;

/// <summary><c>blk D flush</c>: makes what was written durable.</summary>
public sealed class BlockFlushCommand : BlockCommand
{
    /// <summary>Creates the command.</summary>
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

        string? failure = disk.Flush();
        if (failure is not null)
        {
            return Failure(disk, failure);
        }

        shell.Output.WriteLine("flushed");
        return CommandResult.Success;
    }
}
