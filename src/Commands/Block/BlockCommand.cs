using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Block;

/// <summary>A command on a disk: <c>blk D verb ...</c>.</summary>
public abstract class BlockCommand : DeviceCommand
{
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
    /// <param name="disk">The disk.</param>
    /// <param name="arguments">The words after the verb.</param>
    protected abstract CommandResult Run(ShellContext shell, SectorDevice disk, string[] arguments);

    /// <summary>Fails because of the disk.</summary>
    protected static CommandResult Failure(SectorDevice disk, Failure failure) =>
        CommandResult.Failure(disk.Name, failure);

    /// <summary>Fails because of what was asked of the disk.</summary>
    protected static CommandResult Failure(SectorDevice disk, string why) =>
        CommandResult.Failure(disk.Name + ": " + why);
}

/// <summary>A command on a range of a disk: <c>blk D verb FIRST COUNT [SEED]</c>.</summary>
public abstract class SectorRangeCommand : BlockCommand
{
    private readonly bool _hasSeed;

    /// <param name="verb">The third word.</param>
    /// <param name="hasSeed">Whether its last argument is a seed.</param>
    /// <param name="summary">What it does.</param>
    protected SectorRangeCommand(string verb, bool hasSeed, string summary)
        : base("blk D " + verb + (hasSeed ? " FIRST COUNT SEED" : " FIRST COUNT"), summary)
    {
        _hasSeed = hasSeed;
    }

    /// <inheritdoc/>
    protected sealed override CommandResult Run(ShellContext shell, SectorDevice disk, string[] arguments)
    {
        ulong seed = 0;
        if (arguments.Length != (_hasSeed ? 3 : 2)
            || !Number.TryParse(arguments[0], out ulong first)
            || !Number.TryParse(arguments[1], out ulong count)
            || (_hasSeed && !Number.TryParse(arguments[2], out seed)))
        {
            return CommandResult.WrongArguments;
        }

        if (!disk.Contains(first, count))
        {
            return Failure(
                disk,
                SectorRange.Describe(first, count) + " reach beyond the end of the disk, which has "
                + DecimalText.Of(disk.SectorCount));
        }

        return Run(shell, disk, first, count, seed);
    }

    /// <summary>Whether a command did not reach the end of its range.</summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="failure">Why the disk failed, or null.</param>
    /// <param name="result">How the command ends then.</param>
    private protected static bool EndsEarly(
        ShellContext shell, SectorDevice disk, Failure? failure, out CommandResult result)
    {
        result = failure is null ? CommandResult.Interrupted : Failure(disk, failure);
        return failure is not null || shell.IsInterrupted;
    }

    /// <summary>Runs the command on a range that lies on the disk.</summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="disk">The disk.</param>
    /// <param name="first">The first sector.</param>
    /// <param name="count">How many.</param>
    /// <param name="seed">The seed of the pattern; 0 where the command has none.</param>
    protected abstract CommandResult Run(
        ShellContext shell, SectorDevice disk, ulong first, ulong count, ulong seed);
}

/// <summary>Ranges of sectors in words.</summary>
internal static class SectorRange
{
    /// <summary>For example <c>8 sectors starting at 100</c>.</summary>
    public static string Describe(ulong first, ulong count) =>
        DecimalText.Of(count) + " sectors starting at " + DecimalText.Of(first);
}
