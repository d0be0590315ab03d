using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Drivers.Virtio.Rings.Split;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>What the buffers of a queue have in common.</summary>
public readonly struct ChainShape
{
    /// <summary>Describes buffers.</summary>
    /// <param name="usualSegments">
    /// How many segments the longer of the usual buffers have, header and trailer included; for these there are
    /// indirect tables where negotiated and affordable.
    /// </param>
    /// <param name="headerLength">
    /// How long the header is that the device reads in front of each buffer's data, in bytes, a multiple of 8; 0 for
    /// buffers without header and trailer.
    /// </param>
    /// <param name="trailerLength">
    /// How long the trailer is that the device writes behind the data, in bytes, 1 to 64; 0 without a header.
    /// </param>
    public ChainShape(int usualSegments, uint headerLength = 0, uint trailerLength = 0)
    {
        UsualSegments = usualSegments;
        HeaderLength = headerLength;
        TrailerLength = trailerLength;
    }

    /// <summary>How many segments the longer of the usual buffers have.</summary>
    public int UsualSegments { get; }

    /// <summary>The length of each buffer's header in bytes; 0 for buffers without header and trailer.</summary>
    public uint HeaderLength { get; }

    /// <summary>The length of each buffer's trailer in bytes.</summary>
    public uint TrailerLength { get; }
}

/// <summary>
/// For each buffer ID of a queue: a table of descriptors, in which a chain lies while the ring itself holds one
/// descriptor that leads to it (virtio 1.4, 2.7.5.3 and 2.8.7), and the header and the trailer of the buffer.
/// </summary>
/// <remarks>
/// <para>
/// Where buffers have a header and a trailer, the descriptors that lead to them stand ready in the table, and a chain
/// writes only those of its data. The trailer's descriptor moves when a chain is longer or shorter than the last one
/// of that ID.
/// </para>
/// <para>
/// The header is in front of the table: the driver writes both, and a short chain has them in one cache line. The
/// trailer, which the device writes, has a line of its own.
/// </para>
/// </remarks>
internal sealed unsafe class PreparedChains
{
    /// <summary>The most descriptors of a table.</summary>
    private const int MaximumLength = 256;

    /// <summary>What the tables of a queue may take in all.</summary>
    private const int MaximumBytes = 1024 * 1024;

    private const uint DescriptorSize = TableFormat.DescriptorSize;

    private readonly DmaMemory _memory;
    private readonly Layout _layout;
    private readonly TableFormat _format;
    private readonly bool _isPacked;
    private readonly byte* _start;

    // From where the processor sees what a buffer has to where the device sees its table.
    private readonly ulong _tablesFromStart;
    private readonly ulong _readableWord;
    private readonly ulong _writableWord;
    private readonly ulong _nextPlace;

    private PreparedChains(DmaMemory memory, int count, in Layout layout, bool isPacked)
    {
        _memory = memory;
        _layout = layout;
        _format = new TableFormat(isPacked);
        _isPacked = isPacked;
        _start = memory.Address;
        _tablesFromStart = memory.DeviceAddress + layout.Table - (ulong)_start;
        _readableWord = _format.WordOf(0, isWritable: false, 1, 2);
        _writableWord = _format.WordOf(0, isWritable: true, 1, 2);
        _nextPlace = _format.WordOf(0, isWritable: false, 2, 3) - _readableWord;
        if (HasTrailers && TableLength != 0)
        {
            ulong word = _format.WordOf(layout.HeaderLength, isWritable: false, 0, 1);
            for (int id = 0; id < count; id++)
            {
                StoreDescriptor(_start + ((uint)id * _layout.Stride) + _layout.Table, HeaderSegment((ushort)id), word);
            }
        }
    }

    /// <summary>How many descriptors a table has; 0 where there are no tables.</summary>
    internal int TableLength => _layout.TableLength;

    /// <summary>Whether buffers have a header and a trailer.</summary>
    internal bool HasTrailers => _layout.TrailerLength != 0;

    /// <summary>Whether hand-overs have nothing to do.</summary>
    internal bool IsCoherent => _memory.IsCoherent;

    /// <summary>Prepares the chains of a queue.</summary>
    /// <param name="dma">Where their memory comes from.</param>
    /// <param name="size">How many buffer IDs there are.</param>
    /// <param name="features">What was negotiated.</param>
    /// <param name="shape">What buffers have in common. Tables are shorter where all would take too much.</param>
    /// <param name="chains">The chains, or null where there is nothing to prepare.</param>
    /// <returns>
    /// False where no memory is left for headers and trailers. Without tables, chains lie in the ring.
    /// </returns>
    internal static bool TryCreate(
        DmaTag dma, ushort size, Features features, ChainShape shape, out PreparedChains? chains)
    {
        bool isPacked = (features & Features.RingPacked) != 0;
        uint line = Math.Max(QueueMemory.LineSize, dma.HandOverGranularity);
        int affordable = Math.Min(MaximumBytes / (int)DescriptorSize / size, MaximumLength);
        int tableLength = Math.Min(Math.Min(shape.UsualSegments, size), affordable);
        int shortest = shape.TrailerLength == 0 ? 2 : 3;
        if ((features & Features.IndirectDesc) == 0 || tableLength < shortest)
        {
            tableLength = 0;
        }

        chains = tableLength == 0 ? null : TryCreate(dma, size, new Layout(tableLength, shape, line), isPacked);
        if (chains == null && shape.TrailerLength != 0)
        {
            chains = TryCreate(dma, size, new Layout(0, shape, line), isPacked);
            return chains != null;
        }

        return true;
    }

    /// <summary>The trailers of buffers that the device does not have, where buffers have one.</summary>
    internal BufferTrailers Trailers =>
        HasTrailers ? new BufferTrailers(_start + _layout.Trailer, _layout.Stride) : default;

    /// <summary>The header of a buffer, for a descriptor.</summary>
    internal DmaSegment HeaderSegment(ushort id) => _memory.Segment(id * _layout.Stride, _layout.HeaderLength);

    /// <summary>The trailer of a buffer, for a descriptor.</summary>
    internal DmaSegment TrailerSegment(ushort id) =>
        _memory.Segment((id * _layout.Stride) + _layout.Trailer, _layout.TrailerLength);

    /// <summary>
    /// Writes a chain into the table of a buffer without header and trailer, and hands the table over.
    /// </summary>
    /// <param name="id">The buffer.</param>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes. Both together are not more than a table has room for.</param>
    /// <returns>The table, for the descriptor that leads to it.</returns>
    internal DmaSegment Store(ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        uint count = (uint)(readable.Length + writable.Length);
        byte* table = _start + (id * _layout.Stride) + _layout.Table;
        uint place = 0;
        for (int i = 0; i < readable.Length; i++, place++)
        {
            ulong word = _format.WordOf(readable[i].Length, isWritable: false, place, count - 1);
            StoreDescriptor(table + (place * DescriptorSize), readable[i], word);
        }

        for (int i = 0; i < writable.Length; i++, place++)
        {
            ulong word = _format.WordOf(writable[i].Length, isWritable: true, place, count - 1);
            StoreDescriptor(table + (place * DescriptorSize), writable[i], word);
        }

        return HandOver(id, count);
    }

    /// <summary>
    /// Writes the data of a buffer between its header and its trailer into its table, and hands all three over.
    /// </summary>
    /// <param name="id">The buffer.</param>
    /// <param name="data">Two segments less than a table has room for, or fewer.</param>
    /// <param name="isWritable">Whether the device writes the data.</param>
    /// <returns>The table, for the descriptor that leads to it.</returns>
    internal DmaSegment StoreData(ushort id, ReadOnlySpan<DmaSegment> data, bool isWritable)
    {
        byte* descriptor = _start + (id * _layout.Stride) + _layout.Table;
        ulong word = isWritable ? _writableWord : _readableWord;
        for (int i = 0; i < data.Length; i++)
        {
            descriptor += DescriptorSize;
            StoreDescriptor(descriptor, data[i], word | data[i].Length);
            word += _nextPlace;
        }

        uint last = (uint)data.Length + 1;
        ulong trailer = _format.WordOf(_layout.TrailerLength, isWritable: true, last, last);
        StoreDescriptor(descriptor + DescriptorSize, TrailerSegment(id), trailer);
        return HandOver(id, last + 1);
    }

    /// <summary>Header and trailer to the device, where the chain lies in the ring.</summary>
    internal void SyncEndsToDevice(ushort id)
    {
        if (HasTrailers)
        {
            uint start = id * _layout.Stride;
            const DmaSync Both = DmaSync.PreWrite | DmaSync.PreRead;
            _memory.Sync(start, _layout.HeaderLength, DmaSync.PreWrite, ChainSites.HeaderToDevice);
            _memory.Sync(start + _layout.Trailer, _layout.TrailerLength, Both, ChainSites.TrailerToDevice);
        }
    }

    /// <summary>Everything of a buffer from the device, once it was used.</summary>
    /// <param name="id">The buffer.</param>
    /// <param name="tableLength">How many descriptors its chain has in its table; 0 where it lies in the ring.</param>
    internal void SyncFromDevice(ushort id, int tableLength) =>
        SyncFromDevice(id, tableLength, _isPacked ? PackedSites.TableFromDevice : SplitSites.TableFromDevice);

    /// <summary>Everything of a buffer from a device that had it when it was reset.</summary>
    internal void SyncLeftFromDevice(ushort id, int tableLength) =>
        SyncFromDevice(id, tableLength, _isPacked ? PackedSites.LeftTableFromDevice : SplitSites.LeftTableFromDevice);

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

    private static PreparedChains? TryCreate(DmaTag dma, ushort size, in Layout layout, bool isPacked)
    {
        DmaMemory? memory = dma.Allocate(size * layout.Stride, layout.Line);
        return memory == null ? null : new PreparedChains(memory, size, layout, isPacked);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void StoreDescriptor(byte* descriptor, in DmaSegment segment, ulong word)
    {
        SharedMemory.Store64(descriptor, 0, segment.DeviceAddress);
        SharedMemory.Store64(descriptor, DescriptorWord.Offset, word);
    }

    private DmaSegment HandOver(ushort id, uint count)
    {
        if (!_memory.IsCoherent)
        {
            SyncEndsToDevice(id);
            AccessSite site = _isPacked ? PackedSites.TableToDevice : SplitSites.TableToDevice;
            _memory.Sync((id * _layout.Stride) + _layout.Table, count * DescriptorSize, DmaSync.PreWrite, site);
        }

        byte* start = _start + (id * _layout.Stride);
        return new DmaSegment((ulong)start + _tablesFromStart, count * DescriptorSize);
    }

    private void SyncFromDevice(ushort id, int tableLength, AccessSite tableSite)
    {
        uint start = id * _layout.Stride;
        if (HasTrailers)
        {
            const DmaSync Both = DmaSync.PostRead | DmaSync.PostWrite;
            _memory.Sync(start, _layout.HeaderLength, DmaSync.PostWrite, ChainSites.HeaderFromDevice);
            _memory.Sync(start + _layout.Trailer, _layout.TrailerLength, Both, ChainSites.TrailerFromDevice);
        }

        if (tableLength != 0)
        {
            _memory.Sync(start + _layout.Table, (uint)tableLength * DescriptorSize, DmaSync.PostWrite, tableSite);
        }
    }

    /// <summary>What is prepared for one buffer.</summary>
    internal readonly ref struct Chain
    {
        private readonly PreparedChains _chains;
        private readonly byte* _start;

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal Chain(PreparedChains chains, BufferRecords records)
        {
            _chains = chains;
            Records = records;
            BufferId = records.NextFree;
            _start = chains._start + (BufferId * chains._layout.Stride);
        }

        /// <summary>What the queue knows of all its buffers.</summary>
        internal BufferRecords Records { get; }

        /// <summary>Whose it is.</summary>
        internal ushort BufferId { get; }

        /// <summary>The header, while the device does not have the buffer.</summary>
        internal SharedFields Header => new SharedFields(_start);

        /// <summary>What the queue knows of the buffer.</summary>
        internal ref BufferRecord Record
        {
            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            get => ref Records.All[BufferId];
        }

        /// <summary>Writes the first byte of the trailer, while the device does not have the buffer.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal void StoreTrailer(byte value) => SharedMemory.Store8(_start, _chains._layout.Trailer, value);

        /// <summary>
        /// Writes the only data segment into the table, in coherent memory and behind a chain of as many segments, so
        /// that the trailer's descriptor is in its place.
        /// </summary>
        /// <param name="headerLength">
        /// How long the header is, behind which the table begins; the caller knows it as a constant.
        /// </param>
        /// <param name="data">The segment.</param>
        /// <param name="isWritable">Whether the device writes it.</param>
        /// <returns>The table, for the descriptor that leads to it.</returns>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        internal DmaSegment StoreData(uint headerLength, in DmaSegment data, bool isWritable)
        {
            ulong word = isWritable ? _chains._writableWord : _chains._readableWord;
            StoreDescriptor(_start + headerLength + DescriptorSize, data, word | data.Length);
            return new DmaSegment((ulong)_start + _chains._tablesFromStart, 3 * DescriptorSize);
        }
    }

    /// <summary>Where the parts of a buffer lie.</summary>
    private readonly struct Layout
    {
        internal Layout(int tableLength, ChainShape shape, uint line)
        {
            TableLength = tableLength;
            HeaderLength = shape.HeaderLength;
            TrailerLength = shape.TrailerLength;
            Line = line;
            Trailer = QueueMemory.RoundUp(shape.HeaderLength + ((uint)tableLength * DescriptorSize), line);
            Stride = Trailer + QueueMemory.RoundUp(shape.TrailerLength, line);
        }

        internal int TableLength { get; }

        internal uint HeaderLength { get; }

        internal uint TrailerLength { get; }

        /// <summary>What buffers and trailers are aligned to.</summary>
        internal uint Line { get; }

        /// <summary>Where the table begins in a buffer's part, behind the header.</summary>
        internal uint Table => HeaderLength;

        /// <summary>Where the trailer begins.</summary>
        internal uint Trailer { get; }

        /// <summary>How much a buffer has in all.</summary>
        internal uint Stride { get; }
    }
}

/// <summary>The first bytes of the trailers of a queue's buffers; the default is for a queue without.</summary>
internal readonly unsafe struct BufferTrailers
{
    private readonly byte* _first;
    private readonly uint _stride;

    internal BufferTrailers(byte* first, uint stride)
    {
        _first = first;
        _stride = stride;
    }

    /// <summary>That of a buffer which was taken back, before its ID is taken again; 0 where there is none.</summary>
    internal byte this[uint bufferId]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _first == null ? (byte)0 : SharedMemory.Load8(_first, bufferId * _stride);
    }
}

/// <summary>Fields in shared memory that one side has at a time, at fixed places.</summary>
/// <remarks>As with rings, nothing is checked here: which fields there are is the caller's duty.</remarks>
internal readonly unsafe struct SharedFields
{
    private readonly byte* _start;

    internal SharedFields(byte* start)
    {
        _start = start;
    }

    /// <summary>Writes 32 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Store32(uint field, uint value) => SharedMemory.Store32(_start, field, value);

    /// <summary>Writes 64 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Store64(uint field, ulong value) => SharedMemory.Store64(_start, field, value);
}

/// <summary>The places that hand the header and the trailer of a buffer over, and what each guards against.</summary>
public static class ChainSites
{
    /// <summary>PREWRITE of a header: else the device carries out a request from before.</summary>
    public const AccessSite HeaderToDevice = (AccessSite)301;

    /// <summary>
    /// PREWRITE and PREREAD of a trailer: else what the driver put there hides what the device writes.
    /// </summary>
    public const AccessSite TrailerToDevice = (AccessSite)302;

    /// <summary>POSTWRITE of a header, before it is the driver's to write again.</summary>
    public const AccessSite HeaderFromDevice = (AccessSite)303;

    /// <summary>POSTREAD and POSTWRITE of a trailer: else what it held before the request is read.</summary>
    public const AccessSite TrailerFromDevice = (AccessSite)304;
}
