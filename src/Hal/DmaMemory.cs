using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VirtioGuest.Hal;

/// <summary>
/// Memory that the processor and one device share for as long as the device lives: rings, request headers, buffer
/// pools.
/// </summary>
/// <remarks>
/// Allocated zeroed and contiguous for the device by <see cref="DmaTag.Allocate"/>. The offset-based accessors check
/// their range and throw <see cref="ArgumentOutOfRangeException"/>: an offset outside the region is a bug of the
/// driver.
/// </remarks>
public abstract unsafe class DmaMemory
{
    private readonly byte* _address;
    private readonly ulong _deviceAddress;
    private readonly uint _length;
    private readonly bool _isCoherent;

    /// <summary>Describes an allocation that the machine has made.</summary>
    protected DmaMemory(byte* address, ulong deviceAddress, uint length, bool isCoherent)
    {
        _address = address;
        _deviceAddress = deviceAddress;
        _length = length;
        _isCoherent = isCoherent;
    }

    /// <summary>Describes the same memory as another, for a tag that gives on what it gets from another tag.</summary>
    protected DmaMemory(DmaMemory other)
        : this(other, other._isCoherent)
    {
    }

    /// <summary>The same, where all hand-overs are to be made although the machine may need none.</summary>
    protected DmaMemory(DmaMemory other, bool isCoherent)
        : this(other._address, other._deviceAddress, other._length, isCoherent)
    {
    }

    /// <summary>Where the processor sees the memory.</summary>
    public byte* Address => _address;

    /// <summary>Where the device sees the memory.</summary>
    public ulong DeviceAddress => _deviceAddress;

    /// <summary>The size in bytes.</summary>
    public uint Length => _length;

    /// <summary>
    /// Whether the machine keeps both views alike by itself, so that <see cref="Sync"/> has nothing to do.
    /// </summary>
    public bool IsCoherent => _isCoherent;

    /// <summary>
    /// Hands a range over between processor and device. Costs one predictable branch on coherent memory.
    /// </summary>
    /// <param name="offset">The first byte of the range.</param>
    /// <param name="length">The number of bytes.</param>
    /// <param name="operation">Which hand-over; PRE operations before the device acts, POST operations after.</param>
    /// <param name="site">The place in the driver, for a simulation.</param>
    public void Sync(uint offset, uint length, DmaSync operation, AccessSite site = AccessSite.Unnamed)
    {
        if (!_isCoherent)
        {
            SyncNonCoherent(offset, length, operation, site);
        }
    }

    /// <summary>
    /// The part of the memory that starts at <paramref name="offset"/>, as a segment for a descriptor.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public DmaSegment Segment(uint offset, uint length)
    {
        CheckRange(offset, length);
        return new DmaSegment(_deviceAddress + offset, length);
    }

    /// <summary>The part of the memory that starts at <paramref name="offset"/>, for the processor.</summary>
    /// <remarks>Only between a POST and the next PRE of the same bytes.</remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public Span<byte> Bytes(uint offset, uint length)
    {
        CheckRange(offset, length);
        return MemoryMarshal.CreateSpan(ref _address[offset], (int)length);
    }

    /// <summary>Reads 8 bits at an offset.</summary>
    public byte Load8(uint offset)
    {
        CheckRange(offset, 1);
        return SharedMemory.Load8(_address, offset);
    }

    /// <summary>Writes 8 bits at an offset.</summary>
    public void Store8(uint offset, byte value)
    {
        CheckRange(offset, 1);
        SharedMemory.Store8(_address, offset, value);
    }

    /// <summary>Reads 16 bits at an offset that is a multiple of 2.</summary>
    public ushort Load16(uint offset)
    {
        CheckRange(offset, 2);
        return SharedMemory.Load16(_address, offset);
    }

    /// <summary>Writes 16 bits at an offset that is a multiple of 2.</summary>
    public void Store16(uint offset, ushort value)
    {
        CheckRange(offset, 2);
        SharedMemory.Store16(_address, offset, value);
    }

    /// <summary>Reads 32 bits at an offset that is a multiple of 4.</summary>
    public uint Load32(uint offset)
    {
        CheckRange(offset, 4);
        return SharedMemory.Load32(_address, offset);
    }

    /// <summary>Writes 32 bits at an offset that is a multiple of 4.</summary>
    public void Store32(uint offset, uint value)
    {
        CheckRange(offset, 4);
        SharedMemory.Store32(_address, offset, value);
    }

    /// <summary>Reads 64 bits at an offset that is a multiple of 8.</summary>
    public ulong Load64(uint offset)
    {
        CheckRange(offset, 8);
        return SharedMemory.Load64(_address, offset);
    }

    /// <summary>Writes 64 bits at an offset that is a multiple of 8.</summary>
    public void Store64(uint offset, ulong value)
    {
        CheckRange(offset, 8);
        SharedMemory.Store64(_address, offset, value);
    }

    /// <summary>Reads 16 bits at an offset that is a multiple of 2, before anything that follows.</summary>
    public ushort LoadAcquire16(uint offset)
    {
        CheckRange(offset, 2);
        return SharedMemory.LoadAcquire16(_address, offset);
    }

    /// <summary>Writes 16 bits at an offset that is a multiple of 2, after everything that came before.</summary>
    public void StoreRelease16(uint offset, ushort value)
    {
        CheckRange(offset, 2);
        SharedMemory.StoreRelease16(_address, offset, value);
    }

    /// <summary>Gives the memory back to the machine.</summary>
    /// <remarks>
    /// Only after the device that was told its address has confirmed a reset; otherwise call <see cref="Quarantine"/>.
    /// </remarks>
    public abstract void Free();

    /// <summary>
    /// Takes the memory out of use for good, because a device that did not confirm its reset may still write to it.
    /// </summary>
    public abstract void Quarantine();

    /// <summary>Does the cache maintenance that a machine without coherent DMA needs.</summary>
    protected abstract void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void CheckRange(uint offset, uint length)
    {
        if ((ulong)offset + length > _length)
        {
            RefuseRange();
        }
    }

    // Out of line, so that the check is small enough to be everywhere.
    private static void RefuseRange() => throw new ArgumentOutOfRangeException("offset");
}
