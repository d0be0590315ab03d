using System;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Drivers.Virtio.Rings.Split;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>The memory of a queue, and where its areas lie in it. The Descriptor Area is at its start.</summary>
internal readonly struct QueueMemory
{
    /// <summary>
    /// What areas are aligned to at least: each has one side that writes, or two that keep to slots of their own, so
    /// that no two of them share a cache line.
    /// </summary>
    internal const uint LineSize = 64;

    private QueueMemory(DmaMemory memory, uint driverArea, uint deviceArea)
    {
        Memory = memory;
        DriverArea = driverArea;
        DeviceArea = deviceArea;
    }

    /// <summary>All of it.</summary>
    internal DmaMemory Memory { get; }

    /// <summary>The offset of the Driver Area.</summary>
    internal uint DriverArea { get; }

    /// <summary>The offset of the Device Area.</summary>
    internal uint DeviceArea { get; }

    /// <summary>Allocates the descriptor ring and the two event suppression areas of a packed queue.</summary>
    /// <returns>False where no memory is left.</returns>
    internal static bool TryAllocatePacked(DmaTag dma, uint size, out QueueMemory memory)
    {
        // Slots of the driver's and of the device's lie side by side: where hand-overs work in larger blocks than
        // slots, only coherent memory keeps them apart.
        bool mustBeCoherent = dma.HandOverGranularity > PackedDescriptorRing.DescriptorSize;
        uint driverArea = RoundUp(size * PackedDescriptorRing.DescriptorSize, LineSize);
        DmaMemory? region = dma.Allocate(
            driverArea + (2 * LineSize), new DmaConstraints(LineSize, mustBeCoherent: mustBeCoherent));
        return Place(region, driverArea, driverArea + LineSize, out memory);
    }

    /// <summary>Allocates the descriptor table and the two rings of a split queue.</summary>
    /// <returns>False where no memory is left.</returns>
    internal static bool TryAllocateSplit(DmaTag dma, uint size, out QueueMemory memory)
    {
        uint line = Math.Max(dma.HandOverGranularity, LineSize);
        uint driverArea = RoundUp(size * SplitDescriptorTable.DescriptorSize, line);
        uint deviceArea = driverArea + RoundUp(AvailableRing.LengthFor(size), line);
        DmaMemory? region = dma.Allocate(deviceArea + RoundUp(UsedRing.LengthFor(size), line), line);
        return Place(region, driverArea, deviceArea, out memory);
    }

    private static bool Place(DmaMemory? region, uint driverArea, uint deviceArea, out QueueMemory memory)
    {
        memory = region == null ? default : new QueueMemory(region, driverArea, deviceArea);
        return region != null;
    }

    /// <summary>The next multiple of an alignment, which is a power of two.</summary>
    internal static uint RoundUp(uint length, uint alignment) => (length + alignment - 1) & ~(alignment - 1);
}
