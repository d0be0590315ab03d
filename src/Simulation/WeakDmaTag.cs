using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>Gives a <see cref="WeakMemory"/> out to a driver.</summary>
internal sealed unsafe class WeakDmaTag : DmaTag
{
    private readonly WeakMemory _memory;

    /// <summary>Creates the terms.</summary>
    internal WeakDmaTag(WeakMemory memory)
    {
        _memory = memory;
    }

    /// <inheritdoc/>
    public override DmaMemory? Allocate(uint length, DmaConstraints constraints)
    {
        ArgumentOutOfRangeException.ThrowIfZero(length);
        uint alignment = constraints.AlignmentFor(length);
        byte* address = alignment == 0 ? null : _memory.Allocate(length, alignment);
        return address == null || !constraints.Allow(_memory.DeviceAddress(address), length)
            ? null
            : new WeakDmaMemory(address, _memory.DeviceAddress(address), length);
    }

    /// <inheritdoc/>
    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) =>
        new WeakDmaMap(_memory, limits, bounce);
}
