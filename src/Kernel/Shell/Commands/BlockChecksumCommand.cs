using System;
using VirtioGuest.Kernel.Data;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>blk D checksum FIRST COUNT</c>: the CRC-32 of sectors.</summary>
internal sealed class BlockChecksumCommand : SectorRangeCommand
{
    /// <summary>Creates the command.</summary>
    public BlockChecksumCommand()
        : base("checksum", hasSeed: false, "show the CRC-32 of sectors, as zlib computes it")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, Disk disk, ulong first, ulong count, ulong seed)
    {
        var checksum = new Crc32();
        var reader = new SectorReader(disk, first, count);
        try
        {
            while (reader.TryRead(out _, out ReadOnlySpan<byte> data))
            {
                checksum.Append(data);
            }

            if (reader.Status != DiskStatus.Ok)
            {
                return Failure(disk, reader.Status);
            }

            shell.Output.WriteLine(checksum.Value.ToString("x8"));
            return CommandResult.Success;
        }
        finally
        {
            reader.Dispose();
        }
    }
}
