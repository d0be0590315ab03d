using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>Ordinary memory of a simulated program, to be loaded into a <see cref="DmaMap"/>.</summary>
public sealed unsafe class SimulatedBuffer
{
    private readonly SimulatedRegion _region;

    /// <summary>Describes the memory.</summary>
    internal SimulatedBuffer(SimulatedRegion region)
    {
        _region = region;
    }

    /// <summary>Where the processor sees it: a multiple of the page size.</summary>
    public byte* Address => _region.Processor;

    /// <summary>The size in bytes.</summary>
    public uint Length => _region.Length;

    /// <summary>Reads as the processor does.</summary>
    public byte[] Read(uint offset, uint length)
    {
        CheckRange(offset, length);
        byte[] bytes = new byte[length];
        for (uint i = 0; i < length; i++)
        {
            bytes[i] = SharedMemory.Load8(Address, offset + i);
        }

        return bytes;
    }

    /// <summary>Writes as the processor does.</summary>
    public void Write(uint offset, ReadOnlySpan<byte> bytes)
    {
        CheckRange(offset, (uint)bytes.Length);
        for (int i = 0; i < bytes.Length; i++)
        {
            SharedMemory.Store8(Address, offset + (uint)i, bytes[i]);
        }
    }

    private void CheckRange(uint offset, uint length)
    {
        if (offset > Length || length > Length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }
    }
}
