using System;
using VirtioGuest.Kernel.Data;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>blk D fill FIRST COUNT SEED</c>: writes numbers that look random and can be computed again.</summary>
internal sealed class BlockFillCommand : SectorRangeCommand
{
    /// <summary>Creates the command.</summary>
    public BlockFillCommand()
        : base("fill", hasSeed: true, "fill sectors with the pattern that belongs to SEED")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, Disk disk, ulong first, ulong count, ulong seed)
    {
        var writer = new SectorWriter(disk, first, count);
        try
        {
            while (writer.TryNext(out ulong sector, out Span<byte> data))
            {
                SectorPattern.Fill(data, sector, seed);
            }

            DiskStatus status = writer.Finish();
            if (status != DiskStatus.Ok)
            {
                return Failure(disk, status);
            }

            shell.Output.WriteLine($"filled {count} sectors");
            return CommandResult.Success;
        }
        finally
        {
            writer.Dispose();
        }
    }
}
