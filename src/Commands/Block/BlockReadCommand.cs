using System;
using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Block;

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
