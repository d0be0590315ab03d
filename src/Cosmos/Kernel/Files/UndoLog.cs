using System;
using System.Collections.Generic;
using System.IO;
using Cosmos.HAL.BlockDevice;
using VirtioGuest.Commands.Block;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Kernel.Files;

/// <summary>Writes to a disk, and keeps what was there before.</summary>
internal sealed class UndoLog
{
    private readonly SectorDevice _disk;
    private readonly List<ulong> _sectors = new();
    private readonly List<byte[]> _contents = new List<byte[]>();

    internal UndoLog(SectorDevice disk)
    {
        _disk = disk;
    }

    /// <summary>How many sectors <see cref="Undo"/> would put back.</summary>
    internal int Count => _sectors.Count;

    internal Failure? Read(ulong firstSector, byte[] destination) => _disk.Read(firstSector, destination);

    /// <summary>Writes sectors, unless what is there cannot be read.</summary>
    internal Failure? Write(ulong firstSector, byte[] source)
    {
        ulong count = (uint)source.Length / SectorDevice.SectorSize;
        if (!_disk.Contains(firstSector, count))
        {
            return SectorDevice.OutOfRange;
        }

        for (ulong i = 0; i < count; i++)
        {
            Failure? failure = Keep(firstSector + i);
            if (failure is not null)
            {
                return failure;
            }
        }

        return _disk.Write(firstSector, source);
    }

    /// <summary>Puts back everything that was there before.</summary>
    /// <returns>Null, or why the disk refused; it may be tried again.</returns>
    internal Failure? Undo()
    {
        while (_sectors.Count != 0)
        {
            int last = _sectors.Count - 1;
            Failure? failure = _disk.Write(_sectors[last], _contents[last]);
            if (failure is not null)
            {
                return failure;
            }

            _sectors.RemoveAt(last);
            _contents.RemoveAt(last);
        }

        return null;
    }

    private Failure? Keep(ulong sector)
    {
        for (int i = 0; i < _sectors.Count; i++)
        {
            if (_sectors[i] == sector)
            {
                return null;
            }
        }

        var content = new byte[SectorDevice.SectorSize];
        Failure? failure = _disk.Read(sector, content);
        if (failure is null)
        {
            _sectors.Add(sector);
            _contents.Add(content);
        }

        return failure;
    }
}

/// <summary>A disk for Cosmos' file systems whose writes can be undone.</summary>
internal sealed class UndoDevice : BlockDevice
{
    private readonly UndoLog _log;

    internal UndoDevice(UndoLog log, ulong sectors)
    {
        _log = log;
        mBlockSize = SectorDevice.SectorSize;
        mBlockCount = sectors;
    }

    public override BlockDeviceType Type => BlockDeviceType.HardDrive;

    public override void ReadBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData) =>
        ThrowIfFailed(_log.Read(aBlockNo, aData));

    public override void WriteBlock(ulong aBlockNo, ulong aBlockCount, ref byte[] aData) =>
        ThrowIfFailed(_log.Write(aBlockNo, aData));

    private static void ThrowIfFailed(Failure? failure)
    {
        if (failure is not null)
        {
            throw new IOException(failure.Of("the device"));
        }
    }
}
