using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Devices.Block;

namespace VirtioGuest.Kernel.Services;

/// <summary>
/// Reads a range of a disk from its first sector to its last, with several transfers in flight ahead of the reader.
/// </summary>
internal ref struct SectorReader : IDisposable
{
    private readonly Disk _disk;
    private TransferRing _ring;
    private int _oldest;
    private int _inFlight;
    private DiskTransfer? _shown;
    private ulong _nextSubmit;
    private ulong _nextRead;
    private readonly ulong _end;

    /// <summary>Prepares to read.</summary>
    /// <param name="disk">What to read.</param>
    /// <param name="firstSector">The first sector.</param>
    /// <param name="count">How many.</param>
    public SectorReader(Disk disk, ulong firstSector, ulong count)
    {
        _disk = disk;
        if (!disk.Contains(firstSector, count))
        {
            Status = BlockStatus.OutOfRange;
            return;
        }

        _nextSubmit = firstSector;
        _nextRead = firstSector;
        _end = firstSector + count;
    }

    /// <summary>Ok as long as nothing has failed.</summary>
    public BlockStatus Status { get; private set; }

    /// <summary>Waits for the next part.</summary>
    /// <param name="sector">Its first sector.</param>
    /// <param name="data">Its content, until the next call.</param>
    /// <returns>False at the end of the range, and after a failure.</returns>
    public bool TryRead(out ulong sector, out ReadOnlySpan<byte> data)
    {
        sector = _nextRead;
        data = default;
        if (Status != BlockStatus.Ok || _nextRead == _end)
        {
            return false;
        }

        SubmitAhead();
        ReturnShown();
        if (_inFlight == 0)
        {
            return false;
        }

        DiskTransfer transfer = _ring[_oldest]!;
        _oldest = (_oldest + 1) % TransferRing.Capacity;
        _inFlight--;
        _shown = transfer;
        Status = _disk.Wait(transfer);
        if (Status != BlockStatus.Ok)
        {
            return false;
        }

        int count = (int)Math.Min((ulong)transfer.SectorCapacity, _end - _nextRead);
        data = transfer.Data[..(count * Disk.SectorSize)];
        _nextRead += (ulong)count;
        return true;
    }

    /// <summary>Waits for what is still in flight and gives the transfers back.</summary>
    public void Dispose()
    {
        for (; _inFlight > 0; _inFlight--)
        {
            DiskTransfer transfer = _ring[_oldest]!;
            _oldest = (_oldest + 1) % TransferRing.Capacity;
            _disk.Wait(transfer);
            _disk.Return(transfer);
        }

        ReturnShown();
    }

    private void ReturnShown()
    {
        if (_shown is not null)
        {
            _disk.Return(_shown);
            _shown = null;
        }
    }

    private void SubmitAhead()
    {
        while (_nextSubmit < _end && _inFlight < TransferRing.Capacity)
        {
            DiskTransfer? transfer = _shown ?? (_inFlight == 0 ? _disk.Rent() : _disk.TryRent());
            _shown = null;
            if (transfer is null)
            {
                Status = _inFlight == 0 ? _disk.RentFailure : Status;
                return;
            }

            int count = (int)Math.Min((ulong)transfer.SectorCapacity, _end - _nextSubmit);
            BlockStatus status = _disk.Start(transfer, BlockOperation.Read, _nextSubmit, count);
            if (status != BlockStatus.Ok)
            {
                _disk.Return(transfer);
                Status = _inFlight == 0 ? status : Status;
                return;
            }

            _ring[(_oldest + _inFlight) % TransferRing.Capacity] = transfer;
            _inFlight++;
            _nextSubmit += (ulong)count;
        }
    }
}

/// <summary>Room for the transfers that a stream keeps in flight, without an allocation.</summary>
[InlineArray(Capacity)]
internal struct TransferRing
{
    /// <summary>How many there are at most.</summary>
    public const int Capacity = 8;

    private DiskTransfer? _first;
}
