using System;
using VirtioGuest.Commands.Data;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Block;

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
