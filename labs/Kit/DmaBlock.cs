using System;
using System.Diagnostics;
using VirtioGuest.Hal;

namespace VirtioGuest.Labs;

/// <summary>Memory that your driver and the device share: rings and buffers.</summary>
/// <remarks>
/// <para>
/// The two can act at the same time. A plain load or store has no order among others; an acquire load comes before all
/// that follows it, a release store after all that came before it.
/// </para>
/// <para>Values are little-endian (virtio 1.4, 1.4). An access is aligned to its size.</para>
/// </remarks>
public sealed class DmaBlock
{
    private readonly DmaMemory _memory;
    private readonly LabWatch _watch;

    /// <summary>Describes memory that the machine has given out.</summary>
    public DmaBlock(DmaMemory memory, LabWatch watch)
    {
        (_memory, _watch) = (memory, watch);
    }

    /// <summary>Where the device sees the memory: the only address to tell it.</summary>
    public ulong DeviceAddress => _memory.DeviceAddress;

    /// <summary>How many bytes there are.</summary>
    public uint Length => _memory.Length;

    /// <summary>Reads 8 bits.</summary>
    public byte Load8(uint offset)
    {
        Check(offset, 1);
        return _memory.Load8(offset);
    }

    /// <summary>Reads 16 bits.</summary>
    public ushort Load16(uint offset)
    {
        Check(offset, 2);
        return _memory.Load16(offset);
    }

    /// <summary>Reads 32 bits.</summary>
    public uint Load32(uint offset)
    {
        Check(offset, 4);
        return _memory.Load32(offset);
    }

    /// <summary>Reads 64 bits, perhaps in two halves.</summary>
    public ulong Load64(uint offset)
    {
        Check(offset, 8);
        return _memory.Load64(offset);
    }

    /// <summary>Reads 16 bits before anything that follows.</summary>
    public ushort LoadAcquire16(uint offset)
    {
        Check(offset, 2);
        return _memory.LoadAcquire16(offset);
    }

    /// <summary>Writes 8 bits.</summary>
    public void Store8(uint offset, byte value)
    {
        Check(offset, 1);
        _memory.Store8(offset, value);
    }

    /// <summary>Writes 16 bits.</summary>
    public void Store16(uint offset, ushort value)
    {
        Check(offset, 2);
        _memory.Store16(offset, value);
    }

    /// <summary>Writes 32 bits.</summary>
    public void Store32(uint offset, uint value)
    {
        Check(offset, 4);
        _memory.Store32(offset, value);
    }

    /// <summary>Writes 64 bits, perhaps in two halves.</summary>
    public void Store64(uint offset, ulong value)
    {
        Check(offset, 8);
        _memory.Store64(offset, value);
    }

    /// <summary>Writes 16 bits after everything that came before.</summary>
    public void StoreRelease16(uint offset, ushort value)
    {
        Check(offset, 2);
        _memory.StoreRelease16(offset, value);
    }

    /// <summary>Copies bytes out.</summary>
    public byte[] Read(uint offset, uint length)
    {
        Range(offset, length);
        byte[] bytes = new byte[length];
        for (uint i = 0; i < length; i++)
        {
            bytes[i] = _memory.Load8(offset + i);
        }

        return bytes;
    }

    /// <summary>
    /// Hands bytes over between processor and device, on machines whose devices do not see the cache.
    /// </summary>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="operation">Which hand-over.</param>
    public void Sync(uint offset, uint length, DmaSync operation)
    {
        Range(offset, length);
        _memory.Sync(offset, length, operation);
    }

    [StackTraceHidden]
    private void Check(uint offset, uint width)
    {
        Range(offset, width);
        if (offset % width != 0)
        {
            throw new WrongAccessException($"{8 * width} bits cannot be accessed at offset {offset}: not aligned.");
        }
    }

    [StackTraceHidden]
    private void Range(uint offset, uint length)
    {
        if ((ulong)offset + length > Length)
        {
            throw new WrongAccessException(
                $"Bytes {offset} to {(ulong)offset + Math.Max(length, 1) - 1} are outside of a block of {Length}.");
        }

        _watch.OnStep();
    }
}

/// <summary>The full barrier: every access before it comes before every access after it.</summary>
public static class Barrier
{
    /// <summary>
    /// Orders everything, a store before a load too, which neither acquire nor release does.
    /// </summary>
    public static void Full() => Barriers.Full();
}
