using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The records of a queue's buffers, per buffer ID and out of the device's reach.
/// </summary>
/// <remarks>
/// <para>
/// Nothing here is ever read back from the ring, so a device cannot change it; and because a record says whether its
/// buffer is in flight, a second completion shows without further bookkeeping.
/// </para>
/// <para>
/// In a packed ring an ID is a number that the driver chooses, and a buffer takes one. In a split ring IDs are
/// descriptors, and a buffer takes as many as its chain has, linked through the records. Free IDs are a list; where
/// buffers come back in order they are the ring itself, so that chains lie in ring order (virtio 1.4, 2.7.5.2).
/// </para>
/// </remarks>
internal sealed class BufferRecords
{
    private readonly BufferRecord[] _records;
    private readonly bool _areDescriptors;
    private readonly bool _isInOrder;
    private ushort _firstFree;

    /// <summary>
    /// Creates records for the buffer IDs from 0 to <paramref name="count"/> - 1, none of them in flight.
    /// </summary>
    /// <param name="count">How many IDs there are.</param>
    /// <param name="areDescriptors">Whether a buffer takes an ID for each of its descriptors.</param>
    /// <param name="isInOrder">Whether buffers come back in the order in which they were added.</param>
    internal BufferRecords(int count, bool areDescriptors, bool isInOrder)
    {
        _records = new BufferRecord[count];
        _areDescriptors = areDescriptors;
        _isInOrder = isInOrder;
        for (int i = 0; i < count; i++)
        {
            _records[i].Next = (ushort)(i + 1 < count ? i + 1 : 0);
        }
    }

    /// <summary>The ID of the oldest buffer in flight; only where buffers come back in order.</summary>
    internal ushort Oldest { get; private set; }

    /// <summary>The ID that is taken next, where there is a free descriptor.</summary>
    internal ushort NextFree => _firstFree;

    /// <summary>All records, by buffer ID.</summary>
    internal BufferRecord[] All => _records;

    /// <summary>The record of a buffer ID that <see cref="IsKnown"/> accepted, or that was taken.</summary>
    internal ref BufferRecord this[uint id] => ref _records[id];

    /// <summary>Takes the next free ID. There is one as long as there is a free descriptor.</summary>
    /// <param name="descriptors">How many descriptors of the ring the buffer takes.</param>
    /// <param name="tableLength">How many descriptors it has in a table of the queue's; 0 where it has none.</param>
    /// <param name="writableBytes">How many bytes the device may write.</param>
    /// <param name="token">What the caller wants back with the buffer.</param>
    /// <param name="sequence">How many buffers were added before it, modulo 65536.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal ushort Take(int descriptors, int tableLength, uint writableBytes, int token, ushort sequence)
    {
        ushort id = _firstFree;
        ref BufferRecord record = ref _records[id];
        record.Token = token;
        record.WritableBytes = writableBytes;
        record.Descriptors = (ushort)descriptors;
        record.TableLength = (ushort)tableLength;
        record.Sequence = sequence;
        _firstFree = descriptors == 1 ? record.Next : LastOf(id).Next;
        return id;
    }

    /// <summary>
    /// Takes the next free ID for a buffer that takes one descriptor of the ring, and as many of its table as the last
    /// one of that ID. The buffer comes back in any order, so that its place in the sequence is of no use.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void TakeAgain(ref BufferRecord record, uint writableBytes, int token)
    {
        _firstFree = record.Next;
        record.Token = token;
        record.WritableBytes = writableBytes;
        record.Descriptors = 1;
    }

    /// <summary>
    /// Whether a device wrote the ID of a buffer that it has into a used element; <see cref="Explain"/> tells why not.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsKnown(uint id) => IsKnown(_records, id);

    /// <summary>The same for who has the records at hand.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsKnown(BufferRecord[] records, uint id) =>
        id < (uint)records.Length && records[id].IsInFlight;

    /// <summary>
    /// Whether a used element is of the usual kind: <see cref="IsKnown"/>, and with a length that fits, or that means
    /// nothing because nothing was writable (virtio 1.4, 2.8.4).
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool IsUsual(uint id, uint length)
    {
        uint descriptors = 0;
        return IsUsual(_records, id, ref length, ref descriptors);
    }

    /// <summary>The same for who has the records at hand, and wants to know how much was written.</summary>
    /// <param name="records"><see cref="All"/>.</param>
    /// <param name="id">The ID that the device wrote.</param>
    /// <param name="length">The length that the device wrote; 0 where that means nothing.</param>
    /// <param name="descriptors">Is set to how many descriptors of the ring the buffer takes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static bool IsUsual(BufferRecord[] records, uint id, ref uint length, ref uint descriptors)
    {
        if (id >= (uint)records.Length)
        {
            return false;
        }

        descriptors = records[id].Descriptors;
        if (!BufferRecord.IsFlightOf(descriptors))
        {
            return false;
        }

        if (length > records[id].WritableBytes)
        {
            if (records[id].WritableBytes != 0)
            {
                return false;
            }

            length = 0;
        }

        return true;
    }

    /// <summary>Why <see cref="IsKnown"/> is false.</summary>
    internal QueueFault Explain(uint id)
    {
        if (id >= (uint)_records.Length)
        {
            return QueueFault.BufferIdOutOfRange;
        }

        return _records[id].IsReturned ? QueueFault.BufferUsedTwice : QueueFault.BufferNeverAvailable;
    }

    /// <summary>The record of the last of the IDs that a buffer in flight takes.</summary>
    internal ref BufferRecord LastOf(ushort id)
    {
        int descriptors = _areDescriptors ? _records[id].Descriptors : 1;
        for (int i = 1; i < descriptors; i++)
        {
            id = _records[id].Next;
        }

        return ref _records[id];
    }

    /// <summary>Ends the flight of a buffer, whose ID is free from now on.</summary>
    /// <param name="id">The ID.</param>
    /// <param name="record">Its record.</param>
    internal void Return(ushort id, ref BufferRecord record)
    {
        ref BufferRecord last = ref record.Descriptors == 1 ? ref record : ref LastOf(id);
        if (_isInOrder)
        {
            record.Return();
            Oldest = last.Next;
        }
        else
        {
            Return(id, ref record, ref last);
        }
    }

    /// <summary>Ends the flight of a buffer whose IDs become free ones of a list.</summary>
    /// <param name="id">Its ID.</param>
    /// <param name="record">Its record.</param>
    /// <param name="last">The record of the last ID that it takes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Return(ushort id, ref BufferRecord record, ref BufferRecord last)
    {
        record.Return();
        last.Next = _firstFree;
        _firstFree = id;
    }

    /// <summary>The same for a buffer that takes several IDs.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    internal void ReturnChain(ushort id) => Return(id, ref _records[id], ref LastOf(id));

    /// <summary>Finds a buffer in flight, starting at an ID; only for taking buffers back after a reset.</summary>
    internal bool TryFindInFlight(ref int id)
    {
        while (id < _records.Length)
        {
            if (_records[id].IsInFlight)
            {
                return true;
            }

            id++;
        }

        return false;
    }
}

/// <summary>What a queue must know of one buffer when the device gives it back.</summary>
/// <remarks>16 bytes, so that no record lies in two cache lines of an array that starts on one.</remarks>
internal struct BufferRecord
{
    /// <summary>What the caller wants back with the buffer.</summary>
    internal int Token;

    /// <summary>How many bytes the device may write.</summary>
    internal uint WritableBytes;

    /// <summary>
    /// How many descriptors of the ring the buffer takes while it is in flight; otherwise one of the values below.
    /// </summary>
    internal ushort Descriptors;

    /// <summary>How many descriptors it has in an indirect table; 0 where it has none.</summary>
    internal ushort TableLength;

    /// <summary>How many buffers were added before it, modulo 65536.</summary>
    internal ushort Sequence;

    /// <summary>The ID that follows in a chain, or among the free ones.</summary>
    internal ushort Next;

    /// <summary>In <see cref="Descriptors"/>: the ID was never that of a buffer.</summary>
    private const ushort NeverAvailable = 0;

    /// <summary>In <see cref="Descriptors"/>: the buffer came back. More than a ring has.</summary>
    private const ushort Returned = ushort.MaxValue;

    /// <summary>Whether the device has the buffer.</summary>
    internal readonly bool IsInFlight => IsFlightOf(Descriptors);

    /// <summary>Whether the device had the buffer and gave it back.</summary>
    internal readonly bool IsReturned => Descriptors == Returned;

    /// <summary>Whether <see cref="Descriptors"/> is a number, and no value that stands for something else.</summary>
    internal static bool IsFlightOf(uint descriptors) =>
        descriptors - NeverAvailable - 1 < Returned - NeverAvailable - 1u;

    /// <summary>Ends its flight.</summary>
    internal void Return() => Descriptors = Returned;
}

/// <summary>What the segments of a buffer come to.</summary>
internal static class BufferShape
{
    /// <summary>The result for a buffer that no queue takes.</summary>
    internal const long Invalid = -1;

    /// <summary>Adds up how many bytes the device may write.</summary>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes.</param>
    /// <returns>
    /// 0 to 4294967295, or <see cref="Invalid"/> when a segment is empty or the whole does not fit the 32 bits of a
    /// used length (virtio 1.4, 2.7.5.2).
    /// </returns>
    internal static long Measure(ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        ulong readableBytes = 0;
        for (int i = 0; i < readable.Length; i++)
        {
            uint length = readable[i].Length;
            if (length == 0)
            {
                return Invalid;
            }

            readableBytes += length;
        }

        ulong writableBytes = 0;
        for (int i = 0; i < writable.Length; i++)
        {
            uint length = writable[i].Length;
            if (length == 0)
            {
                return Invalid;
            }

            writableBytes += length;
        }

        return readableBytes + writableBytes <= uint.MaxValue ? (long)writableBytes : Invalid;
    }
}
