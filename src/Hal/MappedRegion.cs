using System;
using System.Threading;

namespace VirtioGuest.Hal;

/// <summary>Device registers that the processor reaches by loads and stores, in memory that is not cached.</summary>
/// <remarks>
/// Volatile accesses are neither combined nor reordered by the compiler, and the processor keeps the order of accesses
/// to uncached memory.
/// </remarks>
public sealed unsafe class MappedRegion : MmioRegion
{
    private readonly byte* _start;

    /// <summary>Covers registers, which stay where they are for good.</summary>
    /// <param name="start">Their first byte, as the processor sees it.</param>
    /// <param name="length">Their size in bytes.</param>
    public MappedRegion(byte* start, uint length)
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
