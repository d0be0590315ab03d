using System.Collections.Generic;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>A command on a disk: <c>blk D verb ...</c>.</summary>
internal abstract class BlockCommand : DeviceCommand<Disk>
{
    /// <summary>Describes a command.</summary>
    /// <param name="verb">The third word.</param>
    /// <param name="arguments">What comes after it, in upper case; empty for nothing.</param>
    /// <param name="summary">What it does.</param>
    protected BlockCommand(string verb, string arguments, string summary)
        : base("disk", verb, ("blk D " + verb + " " + arguments).TrimEnd(), summary)
    {
    }

    /// <inheritdoc/>
    protected sealed override IReadOnlyList<Disk> Devices(ShellContext shell) => shell.Disks;

    /// <summary>Reports a failure of a disk.</summary>
    protected static CommandResult Failure(Disk disk, DiskStatus status) =>
        CommandResult.Failure(disk.Name + ": " + status.Describe());
}
