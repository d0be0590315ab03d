using System;
using VirtioGuest.Commands.Data;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Block;

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
