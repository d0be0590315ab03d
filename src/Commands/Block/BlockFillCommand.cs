using System;
using VirtioGuest.Commands.Data;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Commands.Block;

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
