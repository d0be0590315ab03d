using System.IO;
using Cosmos.HAL.BlockDevice;
using VirtioGuest.Commands.Block;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>A disk for Cosmos' file systems whose writes can be undone.</summary>
internal sealed class UndoDevice : BlockDevice
{
    private readonly UndoLog _log;

    /// <summary>Covers a disk.</summary>
    /// <param name="log">The way to it.</param>
    /// <param name="sectors">How many sectors it has.</param>
    internal UndoDevice(UndoLog log, ulong sectors)
    {
        _log = log;
        mBlockSize = SectorDevice.SectorSize;
        mBlockCount = sectors;
    }

    /// <inheritdoc/>
    public override BlockDeviceType Type => BlockDeviceType.HardDrive;

    /// <inheritdoc/>
    public override void ReadBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData) =>
        ThrowIfFailed(_log.Read(aBlockNo, aData));

    /// <inheritdoc/>
    public override void WriteBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData) =>
        ThrowIfFailed(_log.Write(aBlockNo, aData));

    private static void ThrowIfFailed(string? failure)
    {
        if (failure != null)
        {
            throw new IOException(failure);
        }
    }
}
