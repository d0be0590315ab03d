using System;
using System.Threading;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>Device registers that the processor reaches at their physical address.</summary>
public sealed unsafe class MemoryRegisters : MmioRegion
{
    private readonly byte* _start;

    /// <summary>Covers registers.</summary>
    /// <param name="start">Their first byte.</param>
    /// <param name="length">Their size in bytes.</param>
    public MemoryRegisters(byte* start, uint length)
        : base(length)
    {
        _start = start;
    }

    /// <inheritdoc/>
    public override byte Read8(uint offset) => Volatile.Read(ref *At(offset, 1));

    /// <inheritdoc/>
    public override ushort Read16(uint offset) => Volatile.Read(ref *(ushort*)At(offset, 2));

    /// <inheritdoc/>
    public override uint Read32(uint offset) => Volatile.Read(ref *(uint*)At(offset, 4));

    /// <inheritdoc/>
    public override void Write8(uint offset, byte value) => Volatile.Write(ref *At(offset, 1), value);

    /// <inheritdoc/>
    public override void Write16(uint offset, ushort value) => Volatile.Write(ref *(ushort*)At(offset, 2), value);

    /// <inheritdoc/>
    public override void Write32(uint offset, uint value) => Volatile.Write(ref *(uint*)At(offset, 4), value);

    private byte* At(uint offset, uint width)
    {
        if (offset > Length || width > Length - offset || (offset & (width - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        return _start + offset;
    }
}
