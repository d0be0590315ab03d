namespace VirtioGuest.Cosmos.Net;

/// <summary>Received frames that wait to be taken, oldest first.</summary>
/// <remarks>
/// <para>
/// One side adds and the other takes, and either may interrupt the other. Each writes only its own position.
/// </para>
/// <para>
/// Each frame hangs from an object of its own: what only an array refers to, Cosmos' collector frees if it is larger
/// than a kilobyte.
/// </para>
/// </remarks>
internal sealed class FrameQueue
{
    /// <summary>A power of two, so that the positions may wrap.</summary>
    internal const uint Capacity = 64;

    private readonly Slot[] _slots = new Slot[Capacity];
    private uint _added;
    private uint _taken;

    internal FrameQueue()
    {
        for (int i = 0; i < _slots.Length; i++)
        {
            _slots[i] = new Slot();
        }
    }

    internal bool IsFull => _added - _taken == Capacity;

    internal ulong Dropped { get; private set; }

    /// <summary>Adds a frame, or drops it where the queue is full.</summary>
    internal void Add(byte[] frame)
    {
        if (IsFull)
        {
            Dropped++;
            return;
        }

        _slots[_added % Capacity].Frame = frame;
        _added++;
    }

    /// <summary>The oldest frame, left in the queue; null where there is none.</summary>
    internal byte[]? Peek() => _added == _taken ? null : _slots[_taken % Capacity].Frame;

    /// <summary>Removes the oldest frame; null where there is none.</summary>
    internal byte[]? Take()
    {
        byte[]? frame = Peek();
        if (frame is not null)
        {
            _slots[_taken % Capacity].Frame = null;
            _taken++;
        }

        return frame;
    }

    private sealed class Slot
    {
        internal byte[]? Frame { get; set; }
    }
}
