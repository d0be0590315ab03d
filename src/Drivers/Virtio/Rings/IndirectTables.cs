using System;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Drivers.Virtio.Rings.Split;
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

    private const uint DescriptorSize = TableFormat.DescriptorSize;

    /// <summary>What the tables of a queue may take in all.</summary>
    private const int MaximumBytes = 1024 * 1024;

    /// <summary>Tables do not share cache lines.</summary>
    private const uint LineSize = 64;

    private readonly DmaMemory _memory;
    private readonly byte* _tables;
    private readonly ulong _deviceAddress;
    private readonly uint _stride;
    private readonly TableFormat _format;
    private readonly bool _isPacked;

    private IndirectTables(DmaMemory memory, int length, uint stride, bool isPacked)
    {
        _memory = memory;
        _tables = memory.Address;
        _deviceAddress = memory.DeviceAddress;
        _stride = stride;
        _format = new TableFormat(isPacked);
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

    /// <summary>Writes a chain into the table of a buffer and hands it over.</summary>
    /// <param name="id">The buffer.</param>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes. Both together are not more than a table has room for.</param>
    /// <returns>The table, for the descriptor that leads to it.</returns>
    internal DmaSegment Store(ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        uint table = id * _stride;
        uint length = (uint)(readable.Length + writable.Length) * DescriptorSize;
        uint last = (uint)(readable.Length + writable.Length) - 1;
        uint place = 0;
        byte* descriptor = _tables + table;
        for (int i = 0; i < readable.Length; i++)
        {
            StoreDescriptor(descriptor, readable[i], isWritable: false, place++, last);
            descriptor += DescriptorSize;
        }

        for (int i = 0; i < writable.Length; i++)
        {
            StoreDescriptor(descriptor, writable[i], isWritable: true, place++, last);
            descriptor += DescriptorSize;
        }

        _memory.Sync(
            table, length, DmaSync.PreWrite, _isPacked ? PackedSites.TableToDevice : SplitSites.TableToDevice);
        return new DmaSegment(_deviceAddress + table, length);
    }

    /// <summary>Table from the device, once its buffer was used.</summary>
    internal void SyncFromDevice(ushort id, int count) =>
        Sync(id, count, _isPacked ? PackedSites.TableFromDevice : SplitSites.TableFromDevice);

    /// <summary>Table from a device that had it when it was reset.</summary>
    internal void SyncLeftFromDevice(ushort id, int count) =>
        Sync(id, count, _isPacked ? PackedSites.LeftTableFromDevice : SplitSites.LeftTableFromDevice);

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

    private void StoreDescriptor(byte* descriptor, in DmaSegment segment, bool isWritable, uint place, uint last)
    {
        SharedMemory.Store64(descriptor, 0, segment.DeviceAddress);
        SharedMemory.Store64(
            descriptor, DescriptorWord.Offset, _format.WordOf(segment.Length, isWritable, place, last));
    }

    private void Sync(ushort id, int count, AccessSite site) =>
        _memory.Sync(id * _stride, (uint)count * DescriptorSize, DmaSync.PostWrite, site);
}
