using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services.Block;

/// <summary>
/// Several requests of one thread that are in flight together: prepared, submitted with one notification, and taken
/// back in the order in which the disk answers. Allocates nothing after its creation.
/// </summary>
/// <remarks>
/// Each slot has a buffer of its own, which the device reads and writes where it is. Between <see cref="Submit"/> and
/// the <see cref="TryTake"/> that gives the slot back nobody else touches it. One thread at a time uses a batch.
/// </remarks>
internal sealed class DiskBatch : DiskWait, IDisposable
{
    private readonly Disk _disk;
    private readonly DiskRequest?[] _requests;
    private readonly DiskRequest[] _prepared;
    private int _preparedCount;

    // Filled under the device's lock, emptied by the batch's thread.
    private readonly int[] _ended;
    private uint _endedCount;
    private uint _takenCount;

    private DiskBatch(Disk disk, int slots)
    {
        _disk = disk;
        _requests = new DiskRequest?[slots];
        _prepared = new DiskRequest[slots];
        _ended = new int[slots];
    }

    /// <summary>How many slots there are.</summary>
    public int Slots => _requests.Length;

    /// <summary>How many requests are in flight, or have ended and were not taken back.</summary>
    public int InFlight { get; private set; }

    /// <summary>Whether a request has ended and was not taken back.</summary>
    public override bool IsOver => Volatile.Read(ref _endedCount) != _takenCount;

    /// <summary>Creates a batch.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="slots">How many requests are in flight at most, at least 1.</param>
    /// <param name="length">Bytes in the buffer of each: a multiple of a sector.</param>
    /// <returns>The batch, to be disposed of; null where there is no memory for it.</returns>
    public static DiskBatch? TryCreate(Disk disk, int slots, uint length)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(slots, 1);
        ArgumentOutOfRangeException.ThrowIfNotEqual(length % Disk.SectorSize, 0u);
        var batch = new DiskBatch(disk, slots);
        for (int slot = 0; slot < slots; slot++)
        {
            DmaMemory? buffer = disk.IsUsable ? disk.Device.Dma.Allocate(length, Disk.BufferAlignment) : null;
            if (buffer is null)
            {
                batch.Dispose();
                return null;
            }

            var request = new DiskRequest(buffer, batch, slot);
            batch._requests[slot] = request;
            disk.Watch(request);
        }

        return batch;
    }

    /// <summary>The buffer of a slot, constant in place and size.</summary>
    public Span<byte> Buffer(int slot) => _requests[slot]!.Buffer;

    /// <summary>Prepares a request; <see cref="Submit"/> hands it over.</summary>
    /// <param name="slot">A slot without one.</param>
    /// <param name="operation">A read, a write or a flush.</param>
    /// <param name="firstSector">The first sector; 0 for a flush.</param>
    /// <param name="count">How many; 0 for a flush.</param>
    public void Prepare(int slot, BlockOperation operation, ulong firstSector, int count)
    {
        DiskRequest request = _requests[slot]!;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, request.SectorCapacity);
        request.Describe(operation, firstSector, (uint)count * Disk.SectorSize);
        _prepared[_preparedCount++] = request;
    }

    /// <summary>Hands over what was prepared.</summary>
    /// <returns>Ok where it is in flight; else why the disk takes none, and it is prepared no more.</returns>
    public BlockStatus Submit()
    {
        BlockStatus status = _disk.Submit(_prepared.AsSpan(0, _preparedCount));
        InFlight += status == BlockStatus.Ok ? _preparedCount : 0;
        _preparedCount = 0;
        return status;
    }

    /// <summary>
    /// Hands over what was prepared, and blocks until a request can be taken back: cheaper than one after the other.
    /// </summary>
    /// <returns>As <see cref="Submit"/>, which does not block where nothing was taken.</returns>
    public BlockStatus SubmitAndWait()
    {
        BlockStatus status = _disk.SubmitAndWait(_prepared.AsSpan(0, _preparedCount), this);
        InFlight += status == BlockStatus.Ok ? _preparedCount : 0;
        _preparedCount = 0;
        return status;
    }

    /// <summary>Takes a request back that has ended.</summary>
    /// <param name="slot">Its slot.</param>
    /// <param name="status">How it ended.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryTake(out int slot, out BlockStatus status)
    {
        slot = 0;
        status = BlockStatus.Ok;
        if (!IsOver)
        {
            return false;
        }

        slot = _ended[_takenCount++ % (uint)_ended.Length];
        DiskRequest request = _requests[slot]!;
        status = request.Status;
        _disk.TellEnd(request);
        InFlight--;
        return true;
    }

    /// <summary>Blocks until a request can be taken back. At least one is in flight.</summary>
    public void Wait() => _disk.WaitFor(this);

    /// <summary>Waits for what is in flight, and gives the memory back.</summary>
    public void Dispose()
    {
        while (InFlight != 0)
        {
            Wait();
            TryTake(out _, out _);
        }

        foreach (DiskRequest? request in _requests)
        {
            if (request is not null)
            {
                _disk.Unwatch(request);
                request.Free();
            }
        }

        Array.Clear(_requests);
    }

    /// <summary>One of its requests has ended. Called under the device's lock.</summary>
    internal void OnEnd(DiskRequest request)
    {
        _ended[_endedCount % (uint)_ended.Length] = request.Slot;
        Volatile.Write(ref _endedCount, _endedCount + 1);
        Wake();
    }
}
