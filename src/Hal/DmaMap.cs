using System;

namespace VirtioGuest.Hal;

/// <summary>
/// The device's view of one buffer for the length of one request, after <c>bus_dmamap</c>.
/// </summary>
/// <remarks>
/// <para>
/// A map is created once with its limits (<see cref="DmaTag.CreateMap(DmaMapLimits, BouncePool)"/>) and loaded again
/// for each request; loading allocates nothing. Its segments cover exactly the buffer, in order, within the limits.
/// </para>
/// <para>
/// A map with a <see cref="BouncePool"/> takes a buffer that the device cannot use as it is by way of memory that it
/// can use. The caller sees no difference as long as it hands over what it uses: only a range that is synced is copied.
/// </para>
/// </remarks>
public abstract unsafe class DmaMap
{
    private readonly DmaSegment[] _segments;
    private readonly DmaMapLimits _limits;
    private readonly BouncedBuffer? _bounced;
    private uint _length;
    private bool _isLoaded;

    /// <summary>Creates an empty map.</summary>
    /// <param name="limits">What its segments have to be like.</param>
    /// <param name="bounce">Memory to copy through, or null.</param>
    protected DmaMap(DmaMapLimits limits, BouncePool? bounce)
    {
        if (limits.MaximumSegments < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(limits));
        }

        _limits = limits;
        _segments = new DmaSegment[limits.MaximumSegments];
        _bounced = bounce == null ? null : new BouncedBuffer(bounce);
    }

    /// <summary>How many segments the loaded buffer has; 0 when nothing is loaded.</summary>
    public int SegmentCount { get; private set; }

    /// <summary>The loaded buffer's segments, in order.</summary>
    public ReadOnlySpan<DmaSegment> Segments => new ReadOnlySpan<DmaSegment>(_segments, 0, SegmentCount);

    /// <summary>Whether the loaded buffer is copied on its way.</summary>
    public bool IsBounced { get; private set; }

    /// <summary>Turns a buffer into segments.</summary>
    /// <param name="buffer">
    /// Memory that does not move until <see cref="Unload"/>: pinned managed memory, native memory or DMA memory.
    /// </param>
    /// <param name="length">Its size in bytes; 0 gives no segment.</param>
    /// <returns>
    /// <see cref="DmaStatus.Ok"/>, or why it cannot be done; then nothing is loaded.
    /// </returns>
    /// <exception cref="InvalidOperationException">A buffer is loaded already.</exception>
    public DmaStatus Load(byte* buffer, uint length)
    {
        if (_isLoaded)
        {
            throw new InvalidOperationException("a DMA map was loaded twice");
        }

        if (length == 0)
        {
            return DmaStatus.Ok;
        }

        DmaStatus status = LoadDirect(buffer, length);
        if (status != DmaStatus.Ok)
        {
            SegmentCount = 0;
            UnloadDirect();
            if (_bounced != null)
            {
                status = LoadBounced(buffer, length);
            }
        }

        if (status == DmaStatus.Ok)
        {
            _length = length;
            _isLoaded = true;
        }

        return status;
    }

    /// <summary>Hands a range of the loaded buffer over between processor and device.</summary>
    /// <param name="offset">The first byte of the range.</param>
    /// <param name="length">The number of bytes.</param>
    /// <param name="operation">
    /// Which hand-over. A range that the device both reads and writes is handed over by one call.
    /// </param>
    /// <param name="site">The place in the driver, for a simulation.</param>
    /// <exception cref="ArgumentOutOfRangeException">The range is not one of the loaded buffer.</exception>
    public void Sync(uint offset, uint length, DmaSync operation, AccessSite site = AccessSite.Unnamed)
    {
        if (offset > _length || length > _length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        if (length == 0)
        {
            return;
        }

        if (IsBounced)
        {
            _bounced!.Sync(offset, length, operation, site);
        }
        else
        {
            SyncDirect(offset, length, operation, site);
        }
    }

    /// <summary>Forgets the buffer. The last POST operation comes first.</summary>
    public void Unload()
    {
        if (IsBounced)
        {
            _bounced!.Return();
        }
        else if (_isLoaded)
        {
            UnloadDirect();
        }

        Forget();
    }

    /// <summary>
    /// Forgets a buffer that a device which did not confirm its reset may still use: memory that it was copied through
    /// is never used again. A buffer for which <see cref="IsBounced"/> is false is the caller's to keep for good.
    /// </summary>
    public void Quarantine()
    {
        if (IsBounced)
        {
            _bounced!.Quarantine();
        }

        Forget();
    }

    /// <summary>Finds a buffer's contiguous runs and gives each to <see cref="Append"/>, in order.</summary>
    /// <param name="buffer">The buffer.</param>
    /// <param name="length">Its size in bytes, at least 1.</param>
    /// <returns>The first status that is not <see cref="DmaStatus.Ok"/>, else that.</returns>
    protected abstract DmaStatus LoadDirect(byte* buffer, uint length);

    /// <summary>
    /// Hands over a range of a buffer that the device uses as it is, at least 1 byte and inside of it.
    /// </summary>
    protected abstract void SyncDirect(uint offset, uint length, DmaSync operation, AccessSite site);

    /// <summary>Forgets what <see cref="LoadDirect"/> noted, whether it succeeded or not.</summary>
    protected abstract void UnloadDirect();

    /// <summary>Adds a contiguous run, merged with what it follows and split where the limits ask for it.</summary>
    /// <param name="deviceAddress">Where the run starts for the device.</param>
    /// <param name="length">Its size in bytes, at least 1.</param>
    protected DmaStatus Append(ulong deviceAddress, uint length)
    {
        if (deviceAddress > _limits.HighestAddress || length - 1UL > _limits.HighestAddress - deviceAddress)
        {
            return DmaStatus.Unreachable;
        }

        if (SegmentCount > 0)
        {
            ref DmaSegment last = ref _segments[SegmentCount - 1];
            if (last.DeviceAddress + last.Length == deviceAddress)
            {
                uint room = _limits.RoomAt(last.DeviceAddress) - last.Length;
                uint merged = length < room ? length : room;
                last.Length += merged;
                deviceAddress += merged;
                length -= merged;
            }
        }

        while (length != 0)
        {
            if ((deviceAddress & (_limits.Alignment - 1UL)) != 0)
            {
                return DmaStatus.Misaligned;
            }

            if (SegmentCount == _segments.Length)
            {
                return DmaStatus.TooManySegments;
            }

            uint room = _limits.RoomAt(deviceAddress);
            uint part = length < room ? length : room;
            _segments[SegmentCount++] = new DmaSegment(deviceAddress, part);
            deviceAddress += part;
            length -= part;
        }

        return DmaStatus.Ok;
    }

    private DmaStatus LoadBounced(byte* buffer, uint length)
    {
        BouncedBuffer bounced = _bounced!;
        if (!bounced.TryTake(buffer, length))
        {
            return bounced.CanEverTake(length) ? DmaStatus.NoBounceMemory : DmaStatus.TooManySegments;
        }

        DmaStatus status = DmaStatus.Ok;
        for (uint done = 0; done < length && status == DmaStatus.Ok; done += BouncePool.BlockLength)
        {
            DmaSegment block = bounced.Block(done, length - done);
            status = Append(block.DeviceAddress, block.Length);
        }

        if (status != DmaStatus.Ok)
        {
            SegmentCount = 0;
            bounced.Return();
            return status;
        }

        IsBounced = true;
        return DmaStatus.Ok;
    }

    private void Forget()
    {
        SegmentCount = 0;
        IsBounced = false;
        _isLoaded = false;
        _length = 0;
    }
}
