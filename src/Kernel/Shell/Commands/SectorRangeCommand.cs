using System;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>A command on a range of a disk: <c>blk D verb FIRST COUNT [SEED]</c>.</summary>
internal abstract class SectorRangeCommand : BlockCommand
{
    private readonly bool _hasSeed;

    /// <summary>Describes a command.</summary>
    /// <param name="verb">The third word.</param>
    /// <param name="hasSeed">Whether a seed comes last.</param>
    /// <param name="summary">What it does.</param>
    protected SectorRangeCommand(string verb, bool hasSeed, string summary)
        : base(verb, hasSeed ? "FIRST COUNT SEED" : "FIRST COUNT", summary)
    {
        _hasSeed = hasSeed;
    }

    /// <inheritdoc/>
    protected sealed override CommandResult Run(ShellContext shell, Disk device, ReadOnlySpan<string> arguments)
    {
        ulong seed = 0;
        if (arguments.Length != (_hasSeed ? 3 : 2)
            || !Number.TryParse(arguments[0], out ulong first)
            || !Number.TryParse(arguments[1], out ulong count)
            || (_hasSeed && !Number.TryParse(arguments[2], out seed)))
        {
            return CommandResult.WrongArguments;
        }

        if (!device.Contains(first, count))
        {
            return CommandResult.Failure(
                $"{device.Name}: {count} sectors from {first} on reach beyond the end: it has {device.SectorCount}");
        }

        return Run(shell, device, first, count, seed);
    }

    /// <summary>Runs the command on a range that lies on the disk.</summary>
    protected abstract CommandResult Run(ShellContext shell, Disk disk, ulong first, ulong count, ulong seed);
}
