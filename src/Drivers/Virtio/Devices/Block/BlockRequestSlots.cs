using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>
/// Request headers and status bytes in shared memory (virtio 1.4, 5.2.6), one of each for every buffer ID of a queue,
/// with an indirect table for the usual request, which has one data segment.
/// </summary>
/// <remarks>
/// <para>A slot goes with its buffer ID: free until a buffer is added under it, and again once it is taken back.</para>
/// <para>
/// Header and status have a cache line each, because different sides write them. The table is in the header's line:
/// both are written by the driver and handed over together.
/// </para>
/// <para>
/// A table's first descriptor is always the header and its last one the status. They are written once; a request only
/// writes the one between.
/// </para>
/// </remarks>
internal sealed class BlockRequestSlots
{
    /// <summary>How long the table of the usual request is, in bytes.</summary>
    internal const uint TableLength = 3 * TableFormat.DescriptorSize;

    /// <summary>How long a status is, which the device writes behind the data, in bytes.</summary>
    internal const uint StatusLength = 1;

    private const uint HeaderLength = 16;
    private const uint TypeOffset = 0;
    private const uint SectorOffset = 8;
    private const uint TableOffset = HeaderLength;
    private const uint DataOffset = TableOffset + TableFormat.DescriptorSize;
    private const uint DriverLength = HeaderLength + TableLength;
    private const uint StatusOffset = 64;
    private const uint SlotLength = 128;

    /// <summary>A status that no device writes, to tell one that wrote none.</summary>
    private const byte Unwritten = 0xFF;

    private readonly SlotMemory _memory;
    private readonly ulong _readableWord;
    private readonly ulong _writableWord;
    private readonly Virtqueue _queue;

    private BlockRequestSlots(DmaMemory memory, Virtqueue queue, TableFormat format)
    {
        _queue = queue;
        _memory = new SlotMemory(memory, SlotLength);
        _readableWord = format.WordOf(0, isWritable: false, 1, 2);
        _writableWord = format.WordOf(0, isWritable: true, 1, 2);
        for (int slot = 0; slot < queue.Size; slot++)
        {
            Frame(_memory[slot], TableOffset, Header(slot), format.WordOf(HeaderLength, isWritable: false, 0, 2));
            Frame(
                _memory[slot],
                DataOffset + TableFormat.DescriptorSize,
                Status(slot),
                format.WordOf(StatusLength, isWritable: true, 2, 2));
        }
    }

    /// <summary>Creates slots, or returns null where no memory is left.</summary>
    /// <param name="dma">Where their memory comes from.</param>
    /// <param name="queue">Whose buffers they are for.</param>
    internal static BlockRequestSlots? TryCreate(DmaTag dma, Virtqueue queue)
    {
        DmaMemory? memory = dma.Allocate(queue.Size * SlotLength, SlotLength);
        TableFormat format = new TableFormat((queue.Features & Features.RingPacked) != 0);
        return memory == null ? null : new BlockRequestSlots(memory, queue, format);
    }

    /// <summary>Writes a request's header and hands it and the status to the device.</summary>
    internal void Prepare(int slot, BlockOperation operation, ulong sector)
    {
        Store(_memory[slot], operation, sector);
        SyncToDevice(slot);
    }

    /// <summary>
    /// Writes a request with one data segment, and hands its header, table and status to the device.
    /// </summary>
    /// <param name="slot">The slot.</param>
    /// <param name="operation">A read or a write.</param>
    /// <param name="sector">The first sector.</param>
    /// <param name="data">What is transferred.</param>
    /// <returns>The table.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal DmaSegment PrepareTable(int slot, BlockOperation operation, ulong sector, in DmaSegment data)
    {
        ulong word = operation == BlockOperation.Read ? _writableWord : _readableWord;
        uint offset = _memory.OffsetOf(slot);
        SlotMemory.Fields fields = _memory.FieldsAt(offset);
        Store(fields, operation, sector);
        fields.Store64(DataOffset, data.DeviceAddress);
        fields.Store64(DataOffset + DescriptorWord.Offset, word | data.Length);
        SyncToDevice(slot);
        return _memory.SegmentAt(offset + TableOffset, TableLength);
    }

    /// <summary>Takes a slot over from the device.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void TakeBack(int slot)
    {
        if (!_memory.IsCoherent)
        {
            TakeOver(slot);
        }
    }

    /// <summary>Takes the slots of used buffers over from the device.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void TakeBack(ReadOnlySpan<UsedBuffer> used)
    {
        if (!_memory.IsCoherent)
        {
            TakeOver(used);
        }
    }

    /// <summary>Reads the status that the device wrote into a slot that was taken back.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal BlockStatus StatusOf(int slot)
    {
        byte status = _memory[slot].Load8(StatusOffset);
        return status <= (byte)BlockStatus.Unsupported ? (BlockStatus)status : BlockStatus.NoStatus;
    }

    /// <summary>Where the device reads a request's header.</summary>
    internal DmaSegment Header(int slot) => _memory.Segment(slot, 0, HeaderLength);

    /// <summary>Where the device writes a request's status.</summary>
    internal DmaSegment Status(int slot) => _memory.Segment(slot, StatusOffset, StatusLength);

    /// <summary>Gives the memory back, or takes it out of use for good.</summary>
    internal void ReleaseMemory(bool quarantine)
    {
        if (quarantine)
        {
            _memory.Region.Quarantine();
        }
        else
        {
            TakeAllBack();
            _memory.Region.Free();
        }
    }

    private static void Frame(SlotMemory.Fields fields, uint descriptor, DmaSegment segment, ulong word)
    {
        fields.Store64(descriptor, segment.DeviceAddress);
        fields.Store64(descriptor + DescriptorWord.Offset, word);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(SlotMemory.Fields fields, BlockOperation operation, ulong sector)
    {
        fields.Store32(TypeOffset, (uint)operation);
        fields.Store64(SectorOffset, sector);
        fields.Store8(StatusOffset, Unwritten);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void SyncToDevice(int slot)
    {
        if (!_memory.IsCoherent)
        {
            HandOver(slot);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void HandOver(int slot)
    {
        const DmaSync Both = DmaSync.PreWrite | DmaSync.PreRead;
        _memory.Sync(slot, 0, DriverLength, DmaSync.PreWrite, BlockSites.HeaderToDevice);
        _memory.Sync(slot, StatusOffset, StatusLength, Both, BlockSites.StatusToDevice);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TakeOver(ReadOnlySpan<UsedBuffer> used)
    {
        for (int i = 0; i < used.Length; i++)
        {
            TakeOver(used[i].BufferId);
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TakeOver(int slot)
    {
        const DmaSync Both = DmaSync.PostRead | DmaSync.PostWrite;
        _memory.Sync(slot, 0, DriverLength, DmaSync.PostWrite, BlockSites.HeaderFromDevice);
        _memory.Sync(slot, StatusOffset, StatusLength, Both, BlockSites.StatusFromDevice);
    }

    /// <summary>Takes over what a device had when it was reset.</summary>
    private void TakeAllBack()
    {
        for (int slot = 0; slot < _queue.Size; slot++)
        {
            if (_queue.IsInFlight((ushort)slot))
            {
                TakeBack(slot);
            }
        }
    }
}

/// <summary>The places of the block driver that hand memory over, and what each guards against.</summary>
public static class BlockSites
{
    /// <summary>PREWRITE of a request's header: else the device carries out a request from before.</summary>
    public const AccessSite HeaderToDevice = (AccessSite)301;

    /// <summary>PREWRITE and PREREAD of a status byte: else what the driver put there hides the status.</summary>
    public const AccessSite StatusToDevice = (AccessSite)302;

    /// <summary>POSTWRITE of a header, before it is the driver's to write again.</summary>
    public const AccessSite HeaderFromDevice = (AccessSite)303;

    /// <summary>POSTREAD and POSTWRITE of a status byte: else a status from before the request is read.</summary>
    public const AccessSite StatusFromDevice = (AccessSite)304;
}
