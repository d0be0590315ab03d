using System;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands.Block;

/// <summary><c>blk D read FIRST COUNT</c>: sectors as a hex dump.</summary>
public sealed class BlockReadCommand : SectorRangeCommand
{
    /// <summary>Creates the command.</summary>
    public BlockReadCommand()
        : base("read", hasSeed: false, "show sectors as a hex dump")
    {
    }

    /// <inheritdoc/>
    protected override CommandResult Run(
        ShellContext shell, SectorDevice disk, ulong first, ulong count, ulong seed)
    {
        var dump = new HexDump(shell.Output, unchecked(first * SectorDevice.SectorSize));
        string? failure = disk.ReadRange(first, count, new Dumper(dump));
        dump.End();
        return failure is null ? CommandResult.Success : Failure(disk, failure);
    }

    private sealed class Dumper : SectorVisitor
    {
        private readonly HexDump _dump;

        public Dumper(HexDump dump)
        {
            _dump = dump;
        }

        public override bool Visit(ulong sector, ReadOnlySpan<byte> data)
        {
            _dump.Append(data);
            return true;
        }
    }
}
