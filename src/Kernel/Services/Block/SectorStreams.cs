using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using VirtioGuest.Drivers.Virtio.Devices.Block;

namespace VirtioGuest.Kernel.Services.Block;

/// <summary>
/// Reads a range of a disk from its first sector to its last, with several requests in flight ahead of the reader.
/// </summary>
internal ref struct SectorReader : IDisposable
{
    private readonly Disk _disk;
    private RequestRing _ring;
    private int _oldest;
    private int _inFlight;
    private DiskRequest? _shown;
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

        DiskRequest? request = SubmitAndWait();
        ReturnShown();
        if (request is null)
        {
            return false;
        }

        _oldest = (_oldest + 1) % RequestRing.Capacity;
        _inFlight--;
        _shown = request;
        Status = request.Status;
        if (Status != BlockStatus.Ok)
        {
            return false;
        }

        int count = (int)Math.Min((ulong)request.SectorCapacity, _end - _nextRead);
        data = request.Buffer[..(count * Disk.SectorSize)];
        _nextRead += (ulong)count;
        return true;
    }

    /// <summary>Waits for what is still in flight and gives the requests back.</summary>
    public void Dispose()
    {
        for (; _inFlight > 0; _inFlight--)
        {
            DiskRequest request = _ring[_oldest]!;
            _oldest = (_oldest + 1) % RequestRing.Capacity;
            _disk.Wait(request);
            _disk.Return(request);
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

    /// <summary>Asks for what comes next, as far ahead as there are requests, and waits for the oldest.</summary>
    /// <returns>The oldest; null where there is none, and <see cref="Status"/> says why.</returns>
    private DiskRequest? SubmitAndWait()
    {
        var fresh = default(RequestRing);
        int count = 0;
        ulong next = _nextSubmit;
        while (next < _end && _inFlight + count < RequestRing.Capacity)
        {
            DiskRequest? request = _shown ?? (_inFlight + count == 0 ? _disk.Rent() : _disk.TryRent());
            _shown = null;
            if (request is null)
            {
                break;
            }

            int sectors = (int)Math.Min((ulong)request.SectorCapacity, _end - next);
            request.Describe(BlockOperation.Read, next, (uint)sectors * Disk.SectorSize);
            fresh[count++] = request;
            next += (ulong)sectors;
        }

        DiskRequest? oldest = _inFlight == 0 ? fresh[0] : _ring[_oldest];
        if (oldest is null)
        {
            Status = _disk.RentFailure;
            return null;
        }

        BlockStatus status = BlockStatus.Ok;
        if (count == 0)
        {
            _disk.WaitFor(oldest);
        }
        else
        {
            status = _disk.SubmitAndWait(RequestRing.Filled(ref fresh, count), oldest);
        }

        for (int i = 0; i < count; i++)
        {
            if (status == BlockStatus.Ok)
            {
                _ring[(_oldest + _inFlight) % RequestRing.Capacity] = fresh[i];
                _inFlight++;
            }
            else
            {
                _disk.Return(fresh[i]!);
            }
        }

        if (status == BlockStatus.Ok)
        {
            _nextSubmit = next;
        }
        else if (_inFlight == 0)
        {
            Status = status;
            return null;
        }
        else
        {
            _disk.WaitFor(oldest);
        }

        _disk.TellEnd(oldest);
        return oldest;
    }
}

/// <summary>
/// Writes a range of a disk from its first sector to its last, with several requests in flight behind the writer.
/// </summary>
internal ref struct SectorWriter : IDisposable
{
    private readonly Disk _disk;
    private readonly ulong _end;
    private RequestRing _ring;
    private int _oldest;
    private int _inFlight;
    private DiskRequest? _filling;
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

        DiskRequest? request = _inFlight == 0 ? _disk.Rent() : null;
        if (_inFlight > 0 && _inFlight < RequestRing.Capacity)
        {
            request = _disk.TryRent();
        }

        if (request is null && _inFlight > 0)
        {
            request = TakeOldest();
            if (_status != BlockStatus.Ok)
            {
                _disk.Return(request);
                return false;
            }
        }

        if (request is null)
        {
            _status = _disk.RentFailure;
            return false;
        }

        _filling = request;
        _fillingCount = (int)Math.Min((ulong)request.SectorCapacity, _end - _next);
        data = request.Buffer[..(_fillingCount * Disk.SectorSize)];
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
    /// Waits for what is still in flight and gives the requests back; what was not sent is not written.
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

        DiskRequest request = _filling;
        _filling = null;
        BlockStatus status = _disk.Start(request, BlockOperation.Write, _next, _fillingCount);
        if (status != BlockStatus.Ok)
        {
            _disk.Return(request);
            _status = _status == BlockStatus.Ok ? status : _status;
            return;
        }

        _ring[(_oldest + _inFlight) % RequestRing.Capacity] = request;
        _inFlight++;
        _next += (ulong)_fillingCount;
    }

    private DiskRequest TakeOldest()
    {
        DiskRequest request = _ring[_oldest]!;
        _oldest = (_oldest + 1) % RequestRing.Capacity;
        _inFlight--;
        BlockStatus status = _disk.Wait(request);
        _status = _status == BlockStatus.Ok ? status : _status;
        return request;
    }
}

/// <summary>Room for the requests that a stream keeps in flight, without an allocation.</summary>
[InlineArray(Capacity)]
internal struct RequestRing
{
    /// <summary>How many there are at most.</summary>
    public const int Capacity = 8;

    private DiskRequest? _first;

    /// <summary>The first of them, none of which is null.</summary>
    public static ReadOnlySpan<DiskRequest> Filled(ref RequestRing ring, int count) =>
        MemoryMarshal.CreateReadOnlySpan(ref ring._first, count)!;
}
