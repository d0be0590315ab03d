namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// What a queue must know of each buffer when the device gives it back, per buffer ID and out of the device's reach.
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
    private readonly Record[] _records;
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
        _records = new Record[count];
        _areDescriptors = areDescriptors;
        _isInOrder = isInOrder;
        for (int i = 0; i < count; i++)
        {
            _records[i].Next = (ushort)(i + 1 < count ? i + 1 : 0);
        }
    }

    private enum State : byte
    {
        NeverAvailable = 0,
        InFlight = 1,
        Used = 2,
    }

    /// <summary>How many buffers are in flight.</summary>
    internal int InFlight { get; private set; }

    /// <summary>The ID of the oldest buffer in flight; only where buffers come back in order.</summary>
    internal ushort Oldest { get; private set; }

    /// <summary>The ID that follows in a chain, or among the free ones.</summary>
    internal ushort Next(ushort id) => _records[id].Next;

    /// <summary>Takes the next free ID. There is one as long as there is a free descriptor.</summary>
    /// <param name="descriptors">How many descriptors of the ring the buffer takes.</param>
    /// <param name="tableLength">How many descriptors it has in an indirect table; 0 where it has none.</param>
    /// <param name="writableBytes">How many bytes the device may write.</param>
    /// <param name="token">What the caller wants back with the buffer.</param>
    /// <param name="sequence">How many buffers were added before it, modulo 65536.</param>
    internal ushort Take(int descriptors, int tableLength, uint writableBytes, int token, ushort sequence)
    {
        ushort id = _firstFree;
        ref Record record = ref _records[id];
        record.State = State.InFlight;
        record.Descriptors = (ushort)descriptors;
        record.TableLength = (ushort)tableLength;
        record.WritableBytes = writableBytes;
        record.Token = token;
        record.Sequence = sequence;
        _firstFree = _records[LastOf(id, descriptors)].Next;
        InFlight++;
        return id;
    }

    /// <summary>Checks what a device wrote into a used element against the record of that buffer.</summary>
    /// <remarks>
    /// A smaller length is legal. Where nothing was writable the length is reserved (virtio 1.4, 2.8.4) and may be
    /// anything.
    /// </remarks>
    internal QueueFault Check(uint id, uint length)
    {
        if (id >= (uint)_records.Length)
        {
            return QueueFault.BufferIdOutOfRange;
        }

        ref Record record = ref _records[id];
        if (record.State != State.InFlight)
        {
            return record.State == State.Used ? QueueFault.BufferUsedTwice : QueueFault.BufferNeverAvailable;
        }

        return record.WritableBytes != 0 && length > record.WritableBytes
            ? QueueFault.LengthBeyondBuffer
            : QueueFault.None;
    }

    /// <summary>The place of a buffer in flight in the order of adding, modulo 65536.</summary>
    internal ushort SequenceOf(ushort id) => _records[id].Sequence;

    /// <summary>How many descriptors a buffer in flight has in its indirect table; 0 where it has none.</summary>
    internal int TableLengthOf(ushort id) => _records[id].TableLength;

    /// <summary>How many descriptors of the ring a buffer in flight takes.</summary>
    internal int DescriptorsOf(ushort id) => _records[id].Descriptors;

    /// <summary>Ends the flight of a buffer that <see cref="Check"/> found in order.</summary>
    /// <param name="id">Its ID, free from now on.</param>
    /// <param name="token">What the caller gave with it.</param>
    /// <param name="writableBytes">How many bytes the device might have written.</param>
    /// <returns>How many descriptors of the ring it took.</returns>
    internal int Release(ushort id, out int token, out uint writableBytes)
    {
        ref Record record = ref _records[id];
        token = record.Token;
        writableBytes = record.WritableBytes;
        record.State = State.Used;
        int descriptors = record.Descriptors;
        ushort last = LastOf(id, descriptors);
        if (_isInOrder)
        {
            Oldest = _records[last].Next;
        }
        else
        {
            _records[last].Next = _firstFree;
            _firstFree = id;
        }

        InFlight--;
        return descriptors;
    }

    /// <summary>Finds a buffer in flight, starting at an ID; only for taking buffers back after a reset.</summary>
    internal bool TryFindInFlight(ref int id)
    {
        while (id < _records.Length)
        {
            if (_records[id].State == State.InFlight)
            {
                return true;
            }

            id++;
        }

        return false;
    }

    /// <summary>The last of the IDs that a buffer takes.</summary>
    private ushort LastOf(ushort id, int descriptors)
    {
        if (_areDescriptors)
        {
            for (int i = 1; i < descriptors; i++)
            {
                id = _records[id].Next;
            }
        }

        return id;
    }

    private struct Record
    {
        internal int Token;
        internal uint WritableBytes;
        internal ushort Descriptors;
        internal ushort TableLength;
        internal ushort Sequence;
        internal ushort Next;
        internal State State;
    }
}
