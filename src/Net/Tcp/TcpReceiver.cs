using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Tcp;

/// <summary>
/// The receive space of a connection (RFC 9293, 3.3.1): puts what arrives in order, and decides what is advertised and
/// when an acknowledgment is owed.
/// </summary>
internal sealed class TcpReceiver
{
    /// <summary>How long an acknowledgment waits for company (RFC 9293, 3.8.6.3: less than 500 ms).</summary>
    public static readonly TimeSpan AckDelay = TimeSpan.FromMilliseconds(40);

    private readonly TcpRing _ring;

    // What lies beyond Next, and where the latest of it began, the most recent first.
    private readonly TcpRanges _early = new();
    private readonly long[] _recent = new long[TcpBlocks.Capacity];
    private int _recentCount;
    private int _largestWindow;
    private long _read;
    private long _advertised;
    private long? _fin;
    private int _segmentSize = TcpPath.DefaultSegmentSize;
    private long _unacknowledged;

    public TcpReceiver(TcpBuffers pool, int capacity)
    {
        _ring = new TcpRing(pool, capacity);
        _largestWindow = _ring.Capacity;
    }

    /// <summary>The next sequence number expected (RCV.NXT).</summary>
    public long Next { get; private set; }

    /// <summary>Where the room for data ends. What was advertised never lies beyond.</summary>
    public long WindowEnd => _read + _largestWindow;

    /// <summary>How many bytes can be read.</summary>
    public int Available => (int)(Next - _read) - (HasEnded ? 1 : 0);

    /// <summary>Whether everything up to the peer's FIN has arrived.</summary>
    public bool HasEnded { get; private set; }

    /// <summary>Whether an acknowledgment is to be sent at once.</summary>
    public bool IsAckDue { get; private set; }

    /// <summary>When an acknowledgment is to be sent that can wait.</summary>
    public TimeSpan? DelayedAck { get; private set; }

    /// <summary>How far the window is shifted to the right when it is sent (RFC 7323, 2.2).</summary>
    public byte OwnScale
    {
        get
        {
            byte scale = 0;
            while (_ring.Capacity >> scale > ushort.MaxValue)
            {
                scale++;
            }

            return scale;
        }
    }

    public int Capacity => _ring.Capacity;

    /// <summary>The peer's SYN has arrived.</summary>
    /// <param name="initial">Its sequence number (IRS).</param>
    /// <param name="segmentSize">The largest segment that the peer may send.</param>
    /// <param name="usesScale">Whether windows are scaled; without, they end at 65,535 bytes.</param>
    public void Begin(long initial, int segmentSize, bool usesScale)
    {
        _largestWindow = usesScale ? _ring.Capacity : Math.Min(_ring.Capacity, ushort.MaxValue);
        Next = initial + 1;
        _read = Next;
        _advertised = Next;
        _segmentSize = segmentSize;
    }

    /// <summary>The window to send with an acknowledgment, which moves its end only in worthwhile steps.</summary>
    /// <param name="scale">By how many bits it is shifted.</param>
    public ushort Advertise(int scale)
    {
        // RFC 9293, 3.8.6.2.2: a window that opens by a few bytes invites segments of a few bytes.
        bool isWorthwhile = WindowEnd - _advertised >= Math.Min(_largestWindow / 2, _segmentSize);
        long window = (isWorthwhile ? WindowEnd : _advertised) - Next;
        long field = Math.Clamp(window >> scale, 0, ushort.MaxValue);
        _advertised = Math.Max(_advertised, Next + (field << scale));
        return (ushort)field;
    }

    /// <summary>Whether reading has made so much room that the peer should be told.</summary>
    public bool IsWindowUpdateDue =>
        !HasEnded && WindowEnd - _advertised >= Math.Min(_largestWindow / 2, 2 * _segmentSize);

    /// <summary>Takes the data of a segment, all or part of which may be old, early or too much.</summary>
    /// <returns>Whether there is more to read now.</returns>
    public bool OnData(long sequence, ReadOnlySpan<byte> data, TimeSpan now)
    {
        long before = Next;
        bool wasGap = _early.Count > 0;
        Take(sequence, data);
        _unacknowledged += Next - before;
        bool isPlain = Next == sequence + data.Length && !wasGap;
        if (!isPlain || _unacknowledged >= 2 * _segmentSize || HasEnded)
        {
            IsAckDue = true;
        }
        else
        {
            DelayedAck ??= now + AckDelay;
        }

        return Next > before;
    }

    /// <summary>Takes a FIN.</summary>
    /// <param name="sequence">Its own sequence number, behind the segment's data.</param>
    /// <returns>Whether everything up to it has arrived now.</returns>
    public bool OnFin(long sequence)
    {
        IsAckDue = true;
        bool isPossible = sequence >= Next && sequence <= WindowEnd && (_early.Count == 0 || _early.End <= sequence);
        if (_fin is null && isPossible)
        {
            _fin = sequence;
        }

        return TryEnd();
    }

    /// <summary>Reads what has arrived in order.</summary>
    /// <param name="destination">Receives as much as there is and fits.</param>
    /// <param name="isPeek">Whether it can be read again.</param>
    /// <returns>How much.</returns>
    public int Read(Span<byte> destination, bool isPeek)
    {
        int count = Math.Min(Available, destination.Length);
        _ring.Read(_read, destination[..count]);
        if (!isPeek)
        {
            _read += count;
            ReleaseIfEmpty();
        }

        return count;
    }

    /// <summary>Wants an acknowledgment sent at once.</summary>
    public void RequestAck() => IsAckDue = true;

    /// <summary>The link had no room: wants the acknowledgment sent later.</summary>
    public void PostponeAck(TimeSpan until)
    {
        IsAckDue = false;
        DelayedAck = until;
    }

    /// <summary>An acknowledgment has left, alone or with data.</summary>
    public void OnAckSent()
    {
        IsAckDue = false;
        DelayedAck = null;
        _unacknowledged = 0;
    }

    public void RunTimer(TimeSpan now) => IsAckDue |= now >= DelayedAck;

    /// <summary>Describes what has arrived out of order (RFC 2018, 4).</summary>
    /// <param name="options">Receives the blocks.</param>
    /// <param name="most">How many there is room for.</param>
    public void WriteBlocks(ref TcpOptions options, int most)
    {
        for (int i = 0; i < _recentCount && options.BlockCount < most; i++)
        {
            for (int range = 0; range < _early.Count; range++)
            {
                if (_early[range].Start <= _recent[i] && _recent[i] < _early[range].End)
                {
                    options.Blocks[options.BlockCount++] =
                        new TcpBlock((uint)_early[range].Start, (uint)_early[range].End);
                }
            }
        }
    }

    /// <summary>Gives the memory back; nothing can be read any more.</summary>
    public void Release()
    {
        _read = Next - (HasEnded ? 1 : 0);
        _early.Clear();
        _ring.Release();
    }

    private void Take(long sequence, ReadOnlySpan<byte> data)
    {
        long end = Math.Min(sequence + data.Length, _fin is null ? WindowEnd : Math.Min(_fin.Value, WindowEnd));
        long start = Math.Max(sequence, Next);
        if (start >= end)
        {
            return;
        }

        data = data[(int)(start - sequence)..(int)(end - sequence)];
        if (start > Next)
        {
            _ring.Write(start, data);
            _early.Add(start, end);
            Remember(start);
            return;
        }

        _ring.Write(start, data);
        Next = end;
        if (_early.Count > 0)
        {
            _early.RemoveBelow(Next);
            if (_early.Count > 0 && _early[0].Start == Next)
            {
                Next = _early[0].End;
                _early.RemoveBelow(Next);
            }
        }

        TryEnd();
    }

    private bool TryEnd()
    {
        if (_fin != Next || HasEnded)
        {
            return false;
        }

        Next++;
        HasEnded = true;
        ReleaseIfEmpty();
        return true;
    }

    /// <summary>Puts the range that a number lies in first among those to report.</summary>
    private void Remember(long sequence)
    {
        int index = 0;
        while (index < _early.Count && _early[index].End <= sequence)
        {
            index++;
        }

        // Without room for the range there is nothing to report.
        if (index == _early.Count || _early[index].Start > sequence)
        {
            return;
        }

        int kept = 0;
        for (int i = 0; i < _recentCount; i++)
        {
            if (_recent[i] < _early[index].Start || _recent[i] >= _early[index].End)
            {
                _recent[kept++] = _recent[i];
            }
        }

        _recentCount = Math.Min(kept, _recent.Length - 1);
        _recent.AsSpan(0, _recentCount).CopyTo(_recent.AsSpan(1));
        _recent[0] = sequence;
        _recentCount++;
    }

    private void ReleaseIfEmpty()
    {
        if (Available == 0 && _early.Count == 0)
        {
            _ring.Release();
        }
    }
}
