using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// Shared memory that is cut into equal slots, one for each request of a driver, with fields at fixed places.
/// </summary>
/// <remarks>
/// As with rings, nothing is checked here: slots are below their number and fields inside of a slot, which is the
/// caller's duty. Neither is ever read from memory that a device writes.
/// </remarks>
internal readonly unsafe struct SlotMemory
{
    private readonly byte* _slots;
    private readonly DmaMemory _memory;
    private readonly ulong _deviceAddress;
    private readonly uint _slotLength;

    /// <summary>Cuts a region into slots.</summary>
    internal SlotMemory(DmaMemory memory, uint slotLength)
    {
        _memory = memory;
        _slots = memory.Address;
        _deviceAddress = memory.DeviceAddress;
        _slotLength = slotLength;
    }

    /// <summary>The region.</summary>
    internal DmaMemory Region => _memory;

    /// <summary>The fields of a slot, for the processor.</summary>
    internal Fields this[int slot] => FieldsAt(OffsetOf(slot));

    /// <summary>A part of a slot, as a device sees it.</summary>
    internal DmaSegment Segment(int slot, uint field, uint length) => SegmentAt(OffsetOf(slot) + field, length);

    /// <summary>Where a slot begins in the region.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint OffsetOf(int slot) => (uint)slot * _slotLength;

    /// <summary>The fields of the slot that begins at an offset, for the processor.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal Fields FieldsAt(uint offset) => new Fields(_slots + offset);

    /// <summary>A part of the region, as a device sees it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal DmaSegment SegmentAt(uint offset, uint length) => new DmaSegment(_deviceAddress + offset, length);

    /// <summary>Whether hand-overs have nothing to do.</summary>
    internal bool IsCoherent => _memory.IsCoherent;

    /// <summary>Hands a part of a slot over.</summary>
    internal void Sync(int slot, uint field, uint length, DmaSync operation, AccessSite site) =>
        _memory.Sync(OffsetOf(slot) + field, length, operation, site);

    /// <summary>The fields of one slot.</summary>
    internal readonly struct Fields
    {
        private readonly byte* _start;

        internal Fields(byte* start)
        {
            _start = start;
        }

        /// <summary>Reads 8 bits.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal byte Load8(uint field) => SharedMemory.Load8(_start, field);

        /// <summary>Writes 8 bits.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void Store8(uint field, byte value) => SharedMemory.Store8(_start, field, value);

        /// <summary>Writes 32 bits.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void Store32(uint field, uint value) => SharedMemory.Store32(_start, field, value);

        /// <summary>Writes 64 bits.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void Store64(uint field, ulong value) => SharedMemory.Store64(_start, field, value);
    }
}
