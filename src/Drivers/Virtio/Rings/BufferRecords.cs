namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// What a queue must know of each buffer when the device gives it back, per buffer ID and out of the device's reach.
/// </summary>
/// <remarks>
/// Nothing here is ever read back from the ring, so a device cannot change it; and because a record says whether its
/// buffer is in flight, a second completion shows without further bookkeeping.
/// </remarks>
internal sealed class BufferRecords
{
    private readonly Record[] _records;
    private ushort _firstFree;

    /// <summary>
    /// Creates records for the buffer IDs from 0 to <paramref name="count"/> - 1, none of them in flight.
    /// </summary>
    internal BufferRecords(int count)
    {
        _records = new Record[count];
        for (int i = 0; i < count; i++)
        {
            _records[i].NextFree = (ushort)(i + 1);
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

    /// <summary>Takes a free buffer ID. There is one as long as there is a free descriptor.</summary>
    /// <param name="chainLength">How many descriptors the buffer takes.</param>
    /// <param name="writableBytes">How many bytes the device may write.</param>
    /// <param name="token">What the caller wants back with the buffer.</param>
    internal ushort Take(int chainLength, uint writableBytes, int token)
    {
        ushort id = _firstFree;
        ref Record record = ref _records[id];
        _firstFree = record.NextFree;
        record.State = State.InFlight;
        record.ChainLength = (ushort)chainLength;
        record.WritableBytes = writableBytes;
        record.Token = token;
        InFlight++;
        return id;
    }

    /// <summary>Checks what a device wrote into a used element against the record of that buffer.</summary>
    /// <remarks>
    /// A smaller length is legal. Where nothing was writable the length is reserved (virtio 1.4, 2.8.4) and may be
    /// anything.
    /// </remarks>
    internal QueueFault Check(ushort id, uint length)
    {
        if (id >= _records.Length)
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

    /// <summary>Ends the flight of a buffer that <see cref="Check"/> found in order.</summary>
    /// <param name="id">Its ID, free from now on.</param>
    /// <param name="token">What the caller gave with it.</param>
    /// <param name="writableBytes">How many bytes the device might have written.</param>
    /// <returns>How many descriptors it took.</returns>
    internal int Release(ushort id, out int token, out uint writableBytes)
    {
        ref Record record = ref _records[id];
        token = record.Token;
        writableBytes = record.WritableBytes;
        record.State = State.Used;
        record.NextFree = _firstFree;
        _firstFree = id;
        InFlight--;
        return record.ChainLength;
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

    private struct Record
    {
        internal int Token;
        internal uint WritableBytes;
        internal ushort ChainLength;
        internal ushort NextFree;
        internal State State;
    }
}
