namespace VirtioGuest.Cosmos.Net;

/// <summary>A fixed number of received frames that nobody has taken yet, the oldest first.</summary>
/// <remarks>
/// <para>
/// One side adds and one takes, and one of them may interrupt the other: each writes one of the two positions only.
/// </para>
/// <para>
/// A frame is kept in an object of its own: where an array refers to something larger than a kilobyte, Cosmos'
/// collector frees that.
/// </para>
/// </remarks>
internal sealed class FrameQueue
{
    /// <summary>How many frames are kept. A power of two, so that the positions may wrap.</summary>
    internal const uint Capacity = 64;

    private readonly Place[] _places = new Place[Capacity];
    private uint _added;
    private uint _taken;

    /// <summary>Creates a queue without frames.</summary>
    internal FrameQueue()
    {
        for (int i = 0; i < _places.Length; i++)
        {
            _places[i] = new Place();
        }
    }

    /// <summary>Whether a further frame would be dropped.</summary>
    internal bool IsFull => _added - _taken == Capacity;

    /// <summary>How many frames were dropped.</summary>
    internal ulong Dropped { get; private set; }

    /// <summary>Adds a frame, or drops it where there is no place.</summary>
    internal void Add(byte[] frame)
    {
        if (IsFull)
        {
            Dropped++;
            return;
        }

        _places[_added % Capacity].Frame = frame;
        _added++;
    }

    /// <summary>The oldest frame, which stays; null where there is none.</summary>
    internal byte[]? Peek() => _added == _taken ? null : _places[_taken % Capacity].Frame;

    /// <summary>Takes the oldest frame; null where there is none.</summary>
    internal byte[]? Take()
    {
        byte[]? frame = Peek();
        if (frame is not null)
        {
            _places[_taken % Capacity].Frame = null;
            _taken++;
        }

        return frame;
    }

    private sealed class Place
    {
        internal byte[]? Frame { get; set; }
    }
}
