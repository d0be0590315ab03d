using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The descriptor table of a split queue in shared memory: <c>{ le64 addr; le32 len; le16 flags; le16 next }</c> each
/// (virtio 1.4, 2.7.5). The device only reads it.
/// </summary>
internal readonly unsafe struct SplitDescriptorTable
{
    /// <summary>The size of a descriptor in bytes.</summary>
    internal const uint DescriptorSize = 16;

    private readonly byte* _table;
    private readonly DmaMemory _memory;

    /// <summary>Lays the table over the start of a region.</summary>
    internal SplitDescriptorTable(DmaMemory memory)
    {
        _memory = memory;
        _table = memory.Address;
    }

    /// <summary>Writes a descriptor that is the driver's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Store(ushort index, in DmaSegment segment, ushort flags, ushort next)
    {
        byte* descriptor = _table + (index * DescriptorSize);
        SharedMemory.Store64(descriptor, 0, segment.DeviceAddress);
        SharedMemory.Store64(
            descriptor, DescriptorWord.Offset, DescriptorWord.Split(segment.Length, flags, next));
    }

    /// <summary>Descriptor to the device, before the chain that it belongs to is published.</summary>
    internal void SyncToDevice(ushort index) =>
        _memory.Sync(index * DescriptorSize, DescriptorSize, DmaSync.PreWrite, SplitSites.DescriptorToDevice);

    /// <summary>Descriptor from the device, once its buffer was used.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncFromDevice(ushort index) =>
        _memory.Sync(index * DescriptorSize, DescriptorSize, DmaSync.PostWrite, SplitSites.DescriptorFromDevice);

    /// <summary>Descriptor from a device that had it when it was reset.</summary>
    internal void SyncLeftFromDevice(ushort index) =>
        _memory.Sync(index * DescriptorSize, DescriptorSize, DmaSync.PostWrite, SplitSites.LeftDescriptorFromDevice);
}
