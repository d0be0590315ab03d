using System;
using VirtioGuest.Drivers.Virtio.Devices.Block;

namespace VirtioGuest.Kernel.Services;

/// <summary>
/// Writes a range of a disk from its first sector to its last, with several transfers in flight behind the writer.
/// </summary>
internal ref struct SectorWriter : IDisposable
{
    private readonly Disk _disk;
    private readonly ulong _end;
    private TransferRing _ring;
    private int _oldest;
    private int _inFlight;
    private DiskTransfer? _filling;
    private int _fillingCount;
    private ulong _next;
    private BlockStatus _status;

    /// <summary>Prepares to write.</summary>
    /// <param name="disk">What to write to.</param>
    /// <param name="firstSector">The first sector.</param>
    /// <param name="count">How many.</param>
    public SectorWriter(Disk disk, ulong firstSector, ulong count)
    {
        _disk = disk;
        if (!disk.Contains(firstSector, count))
        {
            _status = BlockStatus.OutOfRange;
            return;
        }

        if (disk.IsReadOnly)
        {
            _status = BlockStatus.ReadOnly;
            return;
        }

        _next = firstSector;
        _end = firstSector + count;
    }

    /// <summary>Sends the part that was filled last on its way, and gives out room for the next.</summary>
    /// <param name="sector">Its first sector.</param>
    /// <param name="data">Where its content goes, all of it, before the next call.</param>
    /// <returns>False at the end of the range, and after a failure.</returns>
    public bool TryNext(out ulong sector, out Span<byte> data)
    {
        data = default;
        SubmitFilled();
        sector = _next;
        if (_status != BlockStatus.Ok || _next == _end)
        {
            return false;
        }

        DiskTransfer? transfer = _inFlight == 0 ? _disk.Rent() : null;
        if (_inFlight > 0 && _inFlight < TransferRing.Capacity)
        {
            transfer = _disk.TryRent();
        }

        if (transfer is null && _inFlight > 0)
        {
            transfer = TakeOldest();
            if (_status != BlockStatus.Ok)
            {
                _disk.Return(transfer);
                return false;
            }
        }

        if (transfer is null)
        {
            _status = _disk.RentFailure;
            return false;
        }

        _filling = transfer;
        _fillingCount = (int)Math.Min((ulong)transfer.SectorCapacity, _end - _next);
        data = transfer.Data[..(_fillingCount * Disk.SectorSize)];
        return true;
    }

    /// <summary>Waits until everything is written.</summary>
    /// <returns>Ok, or the first failure; then any part may have been written.</returns>
    public BlockStatus Finish()
    {
        SubmitFilled();
        while (_inFlight > 0)
        {
            _disk.Return(TakeOldest());
        }

        return _status;
    }

    /// <summary>
    /// Waits for what is still in flight and gives the transfers back; what was not sent is not written.
    /// </summary>
    public void Dispose()
    {
        if (_filling is not null)
        {
            _disk.Return(_filling);
            _filling = null;
        }

        Finish();
    }

    private void SubmitFilled()
    {
        if (_filling is null)
        {
            return;
        }

        DiskTransfer transfer = _filling;
        _filling = null;
        BlockStatus status = _disk.Start(transfer, BlockOperation.Write, _next, _fillingCount);
        if (status != BlockStatus.Ok)
        {
            _disk.Return(transfer);
            _status = _status == BlockStatus.Ok ? status : _status;
            return;
        }

        _ring[(_oldest + _inFlight) % TransferRing.Capacity] = transfer;
        _inFlight++;
        _next += (ulong)_fillingCount;
    }

    private DiskTransfer TakeOldest()
    {
        DiskTransfer transfer = _ring[_oldest]!;
        _oldest = (_oldest + 1) % TransferRing.Capacity;
        _inFlight--;
        BlockStatus status = _disk.Wait(transfer);
        _status = _status == BlockStatus.Ok ? status : _status;
        return transfer;
    }
}
