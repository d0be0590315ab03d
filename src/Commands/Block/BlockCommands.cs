using System;
using VirtioGuest.Commands.Data;
using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;
using VirtioGuest.Volumes;

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

    /// <summary>Ends a command: with what it has to say, or with why it failed.</summary>
    private protected static CommandResult Answer(
        ShellContext shell, SectorDevice disk, Failure? failure, string text)
    {
        if (failure is not null)
        {
            return Failure(disk, failure);
        }

        shell.Output.WriteLine(text);
        return CommandResult.Success;
    }

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

/// <summary><c>disks</c>: shows the disks, and what they tell of themselves.</summary>
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
            string text = disk.Name + ": " + disk.Size + Describe(disk);
            shell.Output.WriteLine(text + (disk.IsUsable ? "" : ", out of use"));
        }

        if (shell.Disks.Length == 0)
        {
            shell.Output.WriteLine("no disks");
        }

        return CommandResult.Success;
    }

    private static string Describe(SectorDevice disk)
    {
        int queues = disk.QueueCount;
        string text = (disk.IsWriteback ? ", writeback" : ", writethrough")
            + (queues == 0 ? "" : ", " + DecimalText.Of((uint)queues) + (queues == 1 ? " queue" : " queues"));
        return disk.IsUsable ? text + disk.AskAboutItself() : text;
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

        return Answer(shell, disk, disk.Flush(), "flushed");
    }
}

/// <summary><c>blk D read FIRST COUNT</c>: sectors as a hex dump.</summary>
public sealed class BlockReadCommand : SectorRangeCommand
{
    public BlockReadCommand()
        : base("read", hasSeed: false, "show sectors as a hex dump")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(
        ShellContext shell, SectorDevice disk, ulong first, ulong count, ulong seed)
    {
        var dump = new HexDump(shell.Output, unchecked(first * SectorDevice.SectorSize));
        Failure? failure = disk.ReadRange(first, count, new Dump(shell, dump));
        if (EndsEarly(shell, disk, failure, out CommandResult early))
        {
            // A final offset would say that the dump is complete.
            dump.Flush();
            return early;
        }

        dump.End();
        return CommandResult.Success;
    }

    private sealed class Dump : SectorVisitor
    {
        private readonly ShellContext _shell;
        private readonly HexDump _dump;

        public Dump(ShellContext shell, HexDump dump)
        {
            _shell = shell;
            _dump = dump;
        }

        public override bool Visit(ulong sector, ReadOnlySpan<byte> data)
        {
            // A sector at a time: the console may be slow.
            for (int offset = 0; offset < data.Length && !_shell.IsInterrupted; offset += SectorDevice.SectorSize)
            {
                _dump.Append(data.Slice(offset, SectorDevice.SectorSize));
            }

            return !_shell.IsInterrupted;
        }
    }
}

/// <summary><c>blk D checksum FIRST COUNT</c>: the CRC-32 of sectors.</summary>
public sealed class BlockChecksumCommand : SectorRangeCommand
{
    public BlockChecksumCommand()
        : base("checksum", hasSeed: false, "show the CRC-32 of sectors, as zlib computes it")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(
        ShellContext shell, SectorDevice disk, ulong first, ulong count, ulong seed)
    {
        var checksum = new Crc32();
        Failure? failure = disk.ReadRange(first, count, new Sum(shell, checksum));
        if (EndsEarly(shell, disk, failure, out CommandResult early))
        {
            return early;
        }

        shell.Output.WriteLine(Hexadecimal.Format(checksum.Value, 8));
        return CommandResult.Success;
    }

    private sealed class Sum : SectorVisitor
    {
        private readonly ShellContext _shell;
        private readonly Crc32 _checksum;

        public Sum(ShellContext shell, Crc32 checksum)
        {
            _shell = shell;
            _checksum = checksum;
        }

        public override bool Visit(ulong sector, ReadOnlySpan<byte> data)
        {
            _checksum.Append(data);
            return !_shell.IsInterrupted;
        }
    }
}

/// <summary><c>blk D fill FIRST COUNT SEED</c>: writes numbers that look random and can be recomputed.</summary>
public sealed class BlockFillCommand : SectorRangeCommand
{
    public BlockFillCommand()
        : base("fill", hasSeed: true, "fill sectors with the pattern that belongs to SEED")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(
        ShellContext shell, SectorDevice disk, ulong first, ulong count, ulong seed)
    {
        Failure? failure = disk.WriteRange(first, count, new Pattern(shell, seed));
        if (EndsEarly(shell, disk, failure, out CommandResult early))
        {
            return early;
        }

        shell.Output.WriteLine("filled " + DecimalText.Of(count) + " sectors");
        return CommandResult.Success;
    }

    private sealed class Pattern : SectorSource
    {
        private readonly ShellContext _shell;
        private readonly ulong _seed;

        public Pattern(ShellContext shell, ulong seed)
        {
            _shell = shell;
            _seed = seed;
        }

        public override bool Fill(ulong sector, Span<byte> data)
        {
            if (_shell.IsInterrupted)
            {
                return false;
            }

            SectorPattern.Fill(data, sector, _seed);
            return true;
        }
    }
}

/// <summary><c>blk D verify FIRST COUNT SEED</c>: checks that sectors hold what <c>fill</c> wrote.</summary>
public sealed class BlockVerifyCommand : SectorRangeCommand
{
    public BlockVerifyCommand()
        : base("verify", hasSeed: true, "compare sectors with the pattern that belongs to SEED")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(
        ShellContext shell, SectorDevice disk, ulong first, ulong count, ulong seed)
    {
        var comparison = new Comparison(shell, seed);
        Failure? failure = disk.ReadRange(first, count, comparison);
        if (comparison.Difference is not null)
        {
            return CommandResult.Failure(comparison.Difference);
        }

        if (EndsEarly(shell, disk, failure, out CommandResult early))
        {
            return early;
        }

        shell.Output.WriteLine("verified " + DecimalText.Of(count) + " sectors");
        return CommandResult.Success;
    }

    private sealed class Comparison : SectorVisitor
    {
        private readonly ShellContext _shell;
        private readonly ulong _seed;

        public Comparison(ShellContext shell, ulong seed)
        {
            _shell = shell;
            _seed = seed;
        }

        /// <summary>The first wrong byte, in words; null where all were right.</summary>
        public string? Difference { get; private set; }

        public override bool Visit(ulong sector, ReadOnlySpan<byte> data)
        {
            int offset = SectorPattern.FindDifference(data, sector, _seed);
            if (offset >= 0)
            {
                Difference = Describe(sector + ((uint)offset / SectorPattern.SectorSize), offset, data[offset]);
            }

            return offset < 0 && !_shell.IsInterrupted;
        }

        private string Describe(ulong sector, int offset, byte found)
        {
            int position = offset % SectorPattern.SectorSize;
            byte expected = SectorPattern.ExpectedByte(sector, position, _seed);
            return "sector " + DecimalText.Of(sector) + " differs at byte " + DecimalText.Of((uint)position)
                + ": expected 0x" + Hexadecimal.Format(expected, 2) + ", found 0x" + Hexadecimal.Format(found, 2);
        }
    }
}

/// <summary><c>blk D discard FIRST COUNT</c>: gives sectors up.</summary>
public sealed class BlockDiscardCommand : SectorRangeCommand
{
    public BlockDiscardCommand()
        : base("discard", hasSeed: false, "give sectors up; what they hold is anything afterwards")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, SectorDevice disk, ulong first, ulong count, ulong seed) =>
        Answer(shell, disk, disk.Discard(first, count), "discarded " + DecimalText.Of(count) + " sectors");
}

/// <summary><c>blk D zero FIRST COUNT</c>: makes sectors read as zeroes.</summary>
public sealed class BlockZeroCommand : SectorRangeCommand
{
    public BlockZeroCommand()
        : base("zero", hasSeed: false, "make sectors read as zeroes, without writing them")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, SectorDevice disk, ulong first, ulong count, ulong seed) =>
        Answer(shell, disk, disk.WriteZeroes(first, count), "zeroed " + DecimalText.Of(count) + " sectors");
}

/// <summary><c>blk D erase FIRST COUNT</c>: erases sectors for good.</summary>
public sealed class BlockEraseCommand : SectorRangeCommand
{
    public BlockEraseCommand()
        : base("erase", hasSeed: false, "erase sectors so that nobody gets at them any more")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, SectorDevice disk, ulong first, ulong count, ulong seed) =>
        Answer(shell, disk, disk.SecureErase(first, count), "erased " + DecimalText.Of(count) + " sectors");
}

/// <summary><c>blk D id</c>: shows what the disk calls itself.</summary>
public sealed class BlockIdCommand : BlockCommand
{
    public BlockIdCommand()
        : base("blk D id", "show what the disk calls itself")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, SectorDevice disk, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        Failure? failure = disk.ReadId(out string id);
        return Answer(shell, disk, failure, id.Length == 0 ? "no ID" : id);
    }
}

/// <summary><c>blk D lifetime</c>: shows how worn the storage is.</summary>
public sealed class BlockLifetimeCommand : BlockCommand
{
    public BlockLifetimeCommand()
        : base("blk D lifetime", "show how worn the storage is")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, SectorDevice disk, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        Failure? failure = disk.ReadLifetime(out string lifetime);
        return Answer(shell, disk, failure, lifetime);
    }
}

/// <summary><c>blk D cache [on|off]</c>: shows or sets whether writes may complete before they are durable.</summary>
public sealed class BlockCacheCommand : BlockCommand
{
    public BlockCacheCommand()
        : base("blk D cache [on|off]", "show or set whether writes may complete before they are durable")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, SectorDevice disk, string[] arguments)
    {
        if (arguments.Length > 1 || (arguments.Length == 1 && arguments[0] != "on" && arguments[0] != "off"))
        {
            return CommandResult.WrongArguments;
        }

        Failure? failure = arguments.Length == 0 ? null : disk.SetWriteback(arguments[0] == "on");
        return Answer(shell, disk, failure, disk.IsWriteback ? "writeback" : "writethrough");
    }
}
