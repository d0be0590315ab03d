using System;
using VirtioGuest.Kernel.Data;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>blk D verify FIRST COUNT SEED</c>: whether sectors hold what <c>fill</c> wrote.</summary>
internal sealed class BlockVerifyCommand : SectorRangeCommand
{
    /// <summary>Creates the command.</summary>
    public BlockVerifyCommand()
        : base("verify", hasSeed: true, "compare sectors with the pattern that belongs to SEED")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, Disk disk, ulong first, ulong count, ulong seed)
    {
        var reader = new SectorReader(disk, first, count);
        try
        {
            while (reader.TryRead(out ulong sector, out ReadOnlySpan<byte> data))
            {
                int offset = SectorPattern.FindDifference(data, sector, seed);
                if (offset >= 0)
                {
                    return Difference(sector + (ulong)(offset / Disk.SectorSize), offset, data[offset], seed);
                }
            }

            if (reader.Status != DiskStatus.Ok)
            {
                return Failure(disk, reader.Status);
            }

            shell.Output.WriteLine($"verified {count} sectors");
            return CommandResult.Success;
        }
        finally
        {
            reader.Dispose();
        }
    }

    private static CommandResult Difference(ulong sector, int offset, byte found, ulong seed)
    {
        int position = offset % Disk.SectorSize;
        byte expected = SectorPattern.ExpectedByte(sector, position, seed);
        return CommandResult.Failure(
            $"sector {sector} differs at byte {position}: expected 0x{expected:x2}, found 0x{found:x2}");
    }
}
