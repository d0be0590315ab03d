namespace VirtioGuest.Commands.Block;

/// <summary>A command on a disk: <c>blk D verb ...</c>.</summary>
public abstract class BlockCommand : DeviceCommand
{
    /// <summary>Describes a command.</summary>
    /// <param name="usage">How it is called.</param>
    /// <param name="summary">What it does.</param>
    protected BlockCommand(string usage, string summary)
        : base("disk", usage, summary)
    {
    }

    /// <inheritdoc/>
    protected sealed override int Count(ShellContext shell) => shell.Disks.Length;

    /// <inheritdoc/>
    protected sealed override CommandResult Run(ShellContext shell, int device, string[] arguments) =>
        Run(shell, shell.Disks[device], arguments);

    /// <summary>Runs the command on a disk.</summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="disk">On what.</param>
    /// <param name="arguments">The words after the verb.</param>
    protected abstract CommandResult Run(ShellContext shell, SectorDevice disk, string[] arguments);

    /// <summary>Reports a failure of a disk.</summary>
    protected static CommandResult Failure(SectorDevice disk, string why) =>
        CommandResult.Failure(disk.Name + ": " + why);
}
