using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport.Pci;

/// <summary>
/// Registers that are reached through the window in configuration space (virtio 1.4, 4.1.4.9): slow, but it works where
/// a base address cannot be mapped.
/// </summary>
/// <remarks>
/// An access takes four steps, which nobody else's come between. Offsets within the window are multiples of the width
/// because the structure's offset is a multiple of 4, or of 1 for a structure of bytes. Writes stay out of line: they
/// would be in the way of notifications that do not come this way.
/// </remarks>
internal sealed class PciWindowRegion : MmioRegion
{
    /// <summary>How long the capability is at least.</summary>
    internal const uint CapabilityLength = 20;

    private const uint BarOffset = 4;
    private const uint OffsetOffset = 8;
    private const uint LengthOffset = 12;
    private const uint DataOffset = 16;

    private readonly PciFunction _function;
    private readonly Capability _window;
    private readonly byte _bar;
    private readonly uint _start;

    /// <summary>Covers a part of a base address that some other virtio capability told of.</summary>
    /// <param name="function">The function.</param>
    /// <param name="window">Its capability of kind PCI_CFG.</param>
    /// <param name="bar">The number of the base address.</param>
    /// <param name="start">The first byte within it.</param>
    /// <param name="length">How many bytes.</param>
    internal PciWindowRegion(PciFunction function, Capability window, byte bar, uint start, uint length)
        : base(length)
    {
        _function = function;
        _window = window;
        _bar = bar;
        _start = start;
    }

    /// <inheritdoc/>
    public override byte Read8(uint offset)
    {
        Select(offset, 1);
        byte value = _window.Read8(DataOffset);
        _function.EndSequence();
        return value;
    }

    /// <inheritdoc/>
    public override ushort Read16(uint offset)
    {
        Select(offset, 2);
        ushort value = _window.Read16(DataOffset);
        _function.EndSequence();
        return value;
    }

    /// <inheritdoc/>
    public override uint Read32(uint offset)
    {
        Select(offset, 4);
        uint value = _window.Read32(DataOffset);
        _function.EndSequence();
        return value;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public override void Write8(uint offset, byte value)
    {
        Select(offset, 1);
        _window.Write8(DataOffset, value);
        _function.EndSequence();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public override void Write16(uint offset, ushort value)
    {
        Select(offset, 2);
        _window.Write16(DataOffset, value);
        _function.EndSequence();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.NoInlining)]
    public override void Write32(uint offset, uint value)
    {
        Select(offset, 4);
        _window.Write32(DataOffset, value);
        _function.EndSequence();
    }

    /// <summary>Points the window at a place; the sequence ends with the access to the data.</summary>
    private void Select(uint offset, uint width)
    {
        if (offset > Length || width > Length - offset || (offset & (width - 1)) != 0)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        _function.BeginSequence();
        _window.Write8(BarOffset, _bar);
        _window.Write32(OffsetOffset, _start + offset);
        _window.Write32(LengthOffset, width);
    }
}
