using System;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>blk D read FIRST COUNT</c>: sectors as a hex dump.</summary>
internal sealed class BlockReadCommand : SectorRangeCommand
{
    /// <summary>Creates the command.</summary>
    public BlockReadCommand()
        : base("read", hasSeed: false, "show sectors as a hex dump")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(ShellContext shell, Disk disk, ulong first, ulong count, ulong seed)
    {
        var dump = new HexDump(shell.Output, unchecked(first * Disk.SectorSize));
        var reader = new SectorReader(disk, first, count);
        try
        {
            while (reader.TryRead(out _, out ReadOnlySpan<byte> data))
            {
                dump.Append(data);
            }

            dump.End();
            return reader.Status == DiskStatus.Ok ? CommandResult.Success : Failure(disk, reader.Status);
        }
        finally
        {
            reader.Dispose();
        }
    }
}
