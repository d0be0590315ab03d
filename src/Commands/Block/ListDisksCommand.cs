namespace VirtioGuest.Commands.Block;

/// <summary><c>disks</c>: the disks and their sizes.</summary>
public sealed class ListDisksCommand : Command
{
    /// <summary>Creates the command.</summary>
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
