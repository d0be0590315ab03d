using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// A table of descriptors for each buffer ID of a queue, in which a chain lies while the ring itself holds one
/// descriptor that leads to it (virtio 1.4, 2.7.5.3 and 2.8.7).
/// </summary>
/// <remarks>The device only reads tables, so that all of their memory has one owner that writes.</remarks>
internal sealed unsafe class IndirectTables
{
    /// <summary>The most descriptors of a table.</summary>
    internal const int MaximumLength = 256;

    private const uint DescriptorSize = 16;
    private const uint LengthOffset = 8;
    private const uint PackedFlagsOffset = 14;
    private const uint PackedIdOffset = 12;
    private const uint SplitFlagsOffset = 12;
    private const uint SplitNextOffset = 14;

    /// <summary>What the tables of a queue may take in all.</summary>
    private const int MaximumBytes = 1024 * 1024;

    /// <summary>Tables do not share cache lines.</summary>
    private const uint LineSize = 64;

    private readonly DmaMemory _memory;
    private readonly uint _stride;
    private readonly bool _isPacked;

    private IndirectTables(DmaMemory memory, int length, uint stride, bool isPacked)
    {
        _memory = memory;
        _stride = stride;
        _isPacked = isPacked;
        Length = length;
    }

    /// <summary>How many descriptors a table has, at least 2.</summary>
    internal int Length { get; }

    /// <summary>Creates tables.</summary>
    /// <param name="dma">Where their memory comes from.</param>
    /// <param name="count">How many buffer IDs there are.</param>
    /// <param name="length">
    /// How many descriptors a table should have; it gets fewer where all would take too much.
    /// </param>
    /// <param name="isPacked">Whether descriptors have the layout of packed rings.</param>
    /// <returns>The tables, or null where they would be of no use or no memory is left.</returns>
    internal static IndirectTables? TryCreate(DmaTag dma, int count, int length, bool isPacked)
    {
        int affordable = Math.Min(MaximumBytes / (int)DescriptorSize / count, MaximumLength);
        length = Math.Min(length, affordable);
        if (length < 2)
        {
            return null;
        }

        uint stride = (((uint)length * DescriptorSize) + LineSize - 1) & ~(LineSize - 1);
        DmaMemory? memory = dma.Allocate((uint)count * stride, LineSize);
        return memory == null ? null : new IndirectTables(memory, length, stride, isPacked);
    }

    /// <summary>Writes a chain into the table of a buffer.</summary>
    /// <param name="id">The buffer.</param>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes. Both together are not more than a table has room for.</param>
    /// <returns>The table, for the descriptor that leads to it. Hand it over before that is published.</returns>
    internal DmaSegment Store(ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        uint table = id * _stride;
        byte* descriptor = _memory.Address + table;
        int count = readable.Length + writable.Length;
        for (int i = 0; i < readable.Length; i++)
        {
            StoreDescriptor(descriptor, readable[i], 0, i + 1, count);
            descriptor += DescriptorSize;
        }

        for (int i = 0; i < writable.Length; i++)
        {
            StoreDescriptor(descriptor, writable[i], DescriptorFlags.Write, readable.Length + i + 1, count);
            descriptor += DescriptorSize;
        }

        return new DmaSegment(_memory.DeviceAddress + table, (uint)count * DescriptorSize);
    }

    /// <summary>Table to the device, before the descriptor that leads to it is published.</summary>
    internal void SyncToDevice(ushort id, int count, AccessSite site) =>
        _memory.Sync(id * _stride, (uint)count * DescriptorSize, DmaSync.PreWrite, site);

    /// <summary>Table from the device, once its buffer was used.</summary>
    internal void SyncFromDevice(ushort id, int count, AccessSite site) =>
        _memory.Sync(id * _stride, (uint)count * DescriptorSize, DmaSync.PostWrite, site);

    /// <summary>Gives the memory back, or takes it out of use for good.</summary>
    internal void Release(bool quarantine)
    {
        if (quarantine)
        {
            _memory.Quarantine();
        }
        else
        {
            _memory.Free();
        }
    }

    private void StoreDescriptor(byte* descriptor, in DmaSegment segment, ushort flags, int next, int count)
    {
        SharedMemory.Store64(descriptor, segment.DeviceAddress);
        SharedMemory.Store32(descriptor + LengthOffset, segment.Length);
        if (_isPacked)
        {
            // WRITE is the only flag there, ID is reserved, and order alone links them (virtio 1.4, 2.8.7).
            SharedMemory.Store16(descriptor + PackedIdOffset, 0);
            SharedMemory.Store16(descriptor + PackedFlagsOffset, flags);
            return;
        }

        bool isLast = next == count;
        SharedMemory.Store16(
            descriptor + SplitFlagsOffset, isLast ? flags : (ushort)(flags | DescriptorFlags.Next));
        SharedMemory.Store16(descriptor + SplitNextOffset, isLast ? (ushort)0 : (ushort)next);
    }
}
