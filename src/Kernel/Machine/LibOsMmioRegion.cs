using System;
using System.Threading;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

/// <summary>Device registers that LibOS has mapped uncached.</summary>
/// <remarks>
/// Volatile accesses are neither combined nor reordered by the compiler, and the processor keeps the order of accesses
/// to uncached memory.
/// </remarks>
internal sealed unsafe class LibOsMmioRegion : MmioRegion
{
    private readonly byte* _address;

    /// <summary>Describes a mapped window; it stays mapped for good.</summary>
    public LibOsMmioRegion(byte* address, uint length)
        : base(length)
    {
        _address = address;
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
        if ((ulong)offset + width > Length || (offset & (width - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        return _address + offset;
    }
}
