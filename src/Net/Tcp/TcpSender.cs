using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Tcp;

/// <summary>What to send next: octets from a sequence number on, and whether a FIN follows them.</summary>
internal readonly record struct TcpChunk(long Sequence, int Length, bool HasFin, bool IsRepeated)
{
    /// <summary>The sequence number after it.</summary>
    public long End => Sequence + Length + (HasFin ? 1 : 0);
}

/// <summary>What a sender's timer asks for.</summary>
internal enum TcpTimeout
{
    None,

    /// <summary>
    /// Something is sent again, or sent although little fits: ask for it with <see cref="TcpSender.TryNext"/>.
    /// </summary>
    Send,

    /// <summary>The peer's window is closed: ask whether it still is.</summary>
    Probe,

    /// <summary>The peer has been silent for too long.</summary>
    GiveUp,
}

/// <summary>
/// The send space of a connection (RFC 9293, 3.3.1): what the program has written, what of it is in flight, what was
/// lost, and what is sent next.
/// </summary>
/// <remarks>
/// <para>
/// One rule finds lost octets for all three kinds of repair. An octet that was not selectively acknowledged is lost
/// when enough beyond it was (RFC 6675, 4), or when it lies below <see cref="_lostBelow"/>. That is set to the end of
/// the first segment by three duplicate acknowledgments and by partial ones (RFC 6582), and to the end of everything by
/// a timeout.
/// </para>
/// <para>Lost octets are sent again from the first on; those below <see cref="_repeated"/> have been.</para>
/// </remarks>
internal sealed class TcpSender
{
    /// <summary>
    /// A connection whose peer acknowledges nothing for so long ends (RFC 9293, 3.8.3: at least 100 s).
    /// </summary>
    public static readonly TimeSpan GiveUpAfter = TimeSpan.FromMinutes(2);

    /// <summary>One that is being opened, for so long (RFC 9293, 3.8.3: at least three minutes).</summary>
    public static readonly TimeSpan GiveUpOpeningAfter = TimeSpan.FromMinutes(3);

    /// <summary>How many duplicate acknowledgments, or segments acknowledged beyond it, show a loss.</summary>
    private const int DuplicateThreshold = 3;

    /// <summary>How soon to try again where the link had no room.</summary>
    private static readonly TimeSpan s_linkRetry = TimeSpan.FromMilliseconds(1);

    private readonly TcpRing _ring;
    private readonly TcpCongestion _congestion = new();
    private readonly TcpRanges _selective = new();
    private long _firstData;
    private long _end;
    private bool _hasFin;

    private long _window;
    private long _windowSequence;
    private long _windowAcknowledgment;

    private int _segmentSize = TcpPath.DefaultSegmentSize;
    private bool _usesSelective;
    private bool _usesTimestamps;

    private TcpRepair _repair;
    private long _repairEnd;
    private long _lostBelow;
    private long _repeated;
    private bool _mustRepeat;
    private bool _wasRescued;
    private bool _isRescue;
    private int _duplicates;

    private TimeSpan? _timer;
    private TimeSpan? _linkRetry;
    private TimeSpan? _stalledSince;
    private TimeSpan _lastSent;
    private TimeSpan _lastTimeout;
    private bool _isWindowLimit;
    private bool _mayBeSmall;

    // A measurement without timestamps: when the segment that ends here was sent.
    private long _measured;
    private TimeSpan? _measuredSince;

    public TcpSender(TcpBuffers pool, int capacity)
    {
        _ring = new TcpRing(pool, capacity);
    }

    /// <summary>The oldest number that was not acknowledged (SND.UNA).</summary>
    public long Unacknowledged { get; private set; }

    /// <summary>The next new number to send (SND.NXT).</summary>
    public long Next { get; private set; }

    /// <summary>The largest window that the peer has offered (MAX.SND.WND in RFC 5961, 5.2).</summary>
    public long LargestWindow { get; private set; }

    /// <summary>The window as the peer last told (SND.WND).</summary>
    public long Window => _window;

    /// <summary>Whether the peer has acknowledged the SYN.</summary>
    public bool IsOpened => Unacknowledged >= _firstData;

    public TcpRoundTrip RoundTrip { get; } = new();

    /// <summary>
    /// Whether small segments are sent at once, and not held back while others are in flight (RFC 896).
    /// </summary>
    public bool NoDelay { get; set; }

    /// <summary>How many bytes one call of the link may carry; more than a segment where the device cuts it.</summary>
    public int LargestChunk { get; set; }

    public int Capacity => _ring.Capacity;

    /// <summary>How many more bytes can be written.</summary>
    public int Room => _ring.Capacity - Queued;

    /// <summary>How many bytes have been written and not acknowledged.</summary>
    public int Queued => (int)(_end - Math.Clamp(Unacknowledged, _firstData, _end));

    /// <summary>Whether something has been sent and not acknowledged.</summary>
    public bool IsInFlight => Next > Unacknowledged;

    /// <summary>Whether a FIN has been queued, sent and acknowledged.</summary>
    public bool IsFinAcknowledged => _hasFin && Unacknowledged > _end;

    /// <summary>Whether a FIN has been sent.</summary>
    public bool IsFinSent => _hasFin && Next > _end;

    /// <summary>When <see cref="RunTimer"/> has something to do; null for never.</summary>
    public TimeSpan? NextTimer => _linkRetry is not null && !(_timer < _linkRetry) ? _linkRetry : _timer;

    /// <summary>Begins with the number that the SYN will have (ISS).</summary>
    public void Begin(long initial)
    {
        Unacknowledged = initial;
        Next = initial;
        _firstData = initial + 1;
        _end = _firstData;
        _repairEnd = initial;
    }

    /// <summary>The peer's SYN has told what it can do.</summary>
    public void Negotiate(int segmentSize, bool usesSelective, bool usesTimestamps)
    {
        SetSegmentSize(segmentSize);
        _usesSelective = usesSelective;
        _usesTimestamps = usesTimestamps;
        _congestion.Begin(segmentSize, wasSynLost: false);
    }

    /// <summary>Takes another size for segments; what is in flight as larger ones is sent again.</summary>
    public void SetSegmentSize(int size)
    {
        _segmentSize = size;
        _congestion.SetSegment(size);
    }

    /// <summary>
    /// The path did not carry what is in flight (RFC 1191, 6.4): it is sent again, as smaller segments.
    /// </summary>
    public void RepeatSmaller(int size)
    {
        SetSegmentSize(size);
        _repair = TcpRepair.Timeout;
        _repairEnd = Next;
        _lostBelow = Next;
        _repeated = Unacknowledged;
        _mustRepeat = true;
    }

    /// <summary>Takes what the program writes, as much as there is room for.</summary>
    /// <returns>How much.</returns>
    public int Write(ReadOnlySpan<byte> data)
    {
        int count = Math.Min(data.Length, Room);
        if (count > 0)
        {
            _ring.Write(_end, data[..count]);
            _end += count;
        }

        return count;
    }

    /// <summary>Ends the stream: a FIN follows what was written.</summary>
    public void Finish() => _hasFin = true;

    /// <summary>Copies octets of a chunk.</summary>
    public void CopyTo(long sequence, Span<byte> destination) => _ring.Read(sequence, destination);

    /// <summary>
    /// Whether a chunk empties the buffer, so that the peer should hand on what it has (RFC 9293, 3.9.1).
    /// </summary>
    public bool IsLast(in TcpChunk chunk) => chunk.Sequence + chunk.Length == _end;

    /// <summary>Gives the memory back; nothing is sent any more.</summary>
    public void Release()
    {
        _timer = null;
        _linkRetry = null;
        _end = Math.Max(Unacknowledged, _firstData);
        _hasFin = false;
        Next = Math.Max(Next, Unacknowledged);
        _ring.Release();
    }

    /// <summary>
    /// The window is as a segment says, unless that is older than what is known (RFC 9293, 3.10.7.4).
    /// </summary>
    public void OnWindow(long sequence, long acknowledgment, long window, TimeSpan now)
    {
        bool isNewer = _windowSequence < sequence
            || (_windowSequence == sequence && _windowAcknowledgment <= acknowledgment);
        if (!isNewer)
        {
            return;
        }

        if (window > 0 && _window == 0 && !IsInFlight)
        {
            // The persist timer has done its work.
            _timer = null;
            RoundTrip.EndBackOff();
            _stalledSince = null;
        }

        _window = window;
        _windowSequence = sequence;
        _windowAcknowledgment = acknowledgment;
        LargestWindow = Math.Max(LargestWindow, window);
        if (window == 0 && _stalledSince is not null)
        {
            // A peer that answers is alive, however long its window stays closed.
            _stalledSince = now;
        }
    }

    /// <summary>Takes the window of the peer's first segment, whatever was known before.</summary>
    public void BeginWindow(long sequence, long acknowledgment, long window)
    {
        _window = window;
        _windowSequence = sequence;
        _windowAcknowledgment = acknowledgment;
        LargestWindow = window;
    }

    /// <summary>Takes an acknowledgment that is not older than <see cref="Unacknowledged"/>.</summary>
    /// <param name="acknowledgment">The number, at most <see cref="Next"/>.</param>
    /// <param name="options">The segment's options, for what it acknowledges selectively.</param>
    /// <param name="isBare">Whether the segment carries neither data nor FIN and does not move the window.</param>
    /// <param name="roundTrip">What its timestamp says about the round-trip time; null where it says nothing.</param>
    /// <param name="now">The time.</param>
    public void OnAck(
        long acknowledgment, in TcpOptions options, bool isBare, TimeSpan? roundTrip, TimeSpan now)
    {
        long acknowledged = acknowledgment - Unacknowledged;
        long selective = _usesSelective ? TakeBlocks(options, acknowledgment) : 0;
        if (acknowledged > 0)
        {
            OnProgress(acknowledgment, roundTrip, now);
            Grow(acknowledged, now);
        }
        else if (IsInFlight && (_usesSelective ? selective > 0 : isBare))
        {
            _duplicates++;
        }

        FindLoss();
    }

    /// <summary>Finds what to send now.</summary>
    public bool TryNext(TimeSpan now, out TcpChunk chunk)
    {
        chunk = default;
        _isRescue = false;
        if (_linkRetry is not null)
        {
            return false;
        }

        if (!IsInFlight && _repair == TcpRepair.None && now - _lastSent > RoundTrip.Timeout && Queued > 0)
        {
            _congestion.OnIdle();
        }

        long space = _congestion.Window - Pipe();
        if (_repair != TcpRepair.None && TryNextLost(out chunk))
        {
            return _mustRepeat || space >= _segmentSize;
        }

        return TryNextNew(space, out chunk) || (space >= _segmentSize && TryNextDoubtful(out chunk));
    }

    /// <summary>A chunk has left.</summary>
    public void OnSent(in TcpChunk chunk, TimeSpan now)
    {
        _lastSent = now;
        _mayBeSmall = false;
        _mustRepeat = false;
        if (chunk.IsRepeated)
        {
            _repeated = _isRescue ? _repeated : Math.Max(_repeated, chunk.End);
            if (chunk.Sequence < _measured)
            {
                _measuredSince = null;
            }
        }
        else
        {
            if (!IsInFlight)
            {
                // The persist timer may be running.
                _timer = null;
            }

            Next = chunk.End;
            if (!_usesTimestamps && _measuredSince is null)
            {
                _measured = Next;
                _measuredSince = now;
            }
        }

        _timer ??= now + RoundTrip.Timeout;
    }

    /// <summary>The SYN has left, for the first time or again.</summary>
    public void OnSynSent(TimeSpan now)
    {
        // Only a SYN that was sent once can be timed; otherwise a timestamp may do.
        bool isFirst = Next == Unacknowledged;
        _measured = isFirst ? _firstData : Unacknowledged;
        _measuredSince = isFirst ? now : null;
        Next = _firstData;
        _lastSent = now;
        _timer = now + RoundTrip.Timeout;
    }

    /// <summary>The link had no room for a chunk.</summary>
    public void OnLinkBusy(TimeSpan now)
    {
        _linkRetry = now + s_linkRetry;
        _stalledSince ??= now;
        if (IsInFlight)
        {
            _timer ??= now + RoundTrip.Timeout;
        }
    }

    /// <summary>After all that could be sent was: starts the timer that asks a closed window to open.</summary>
    public void WaitForWindow(TimeSpan now)
    {
        if (_timer is null && !IsInFlight && Unsent > 0)
        {
            _timer = now + RoundTrip.Timeout;
        }
    }

    /// <summary>Does what is due.</summary>
    public TcpTimeout RunTimer(TimeSpan now)
    {
        if (now >= _linkRetry)
        {
            _linkRetry = null;
        }

        if (!(now >= _timer))
        {
            return TcpTimeout.None;
        }

        _timer = null;
        _stalledSince ??= now - RoundTrip.Timeout;
        bool isOpening = !IsOpened;
        if (now - _stalledSince >= (isOpening ? GiveUpOpeningAfter : GiveUpAfter))
        {
            return TcpTimeout.GiveUp;
        }

        _lastTimeout = now;
        RoundTrip.BackOff();
        if (isOpening)
        {
            return TcpTimeout.Send;
        }

        if (!IsInFlight)
        {
            _timer = now + RoundTrip.Timeout;
            _mayBeSmall = _window > 0;
            return _window > 0 ? TcpTimeout.Send : TcpTimeout.Probe;
        }

        // RFC 2018, 8: the peer may have thrown away what it acknowledged selectively.
        _selective.Clear();
        _congestion.OnTimeout(isFirst: _repair != TcpRepair.Timeout || Unacknowledged >= _repairEnd);
        _repair = TcpRepair.Timeout;
        _repairEnd = Next;
        _lostBelow = Next;
        _repeated = Unacknowledged;
        _mustRepeat = true;
        _duplicates = 0;
        _measuredSince = null;
        _timer = now + RoundTrip.Timeout;
        return TcpTimeout.Send;
    }

    /// <summary>How many sequence numbers are queued that were never sent.</summary>
    private long Unsent => _end + (_hasFin ? 1 : 0) - Next;

    private void OnProgress(long acknowledgment, TimeSpan? roundTrip, TimeSpan now)
    {
        if (_measuredSince is not null && acknowledgment >= _measured)
        {
            roundTrip = now - _measuredSince;
            _measuredSince = null;
        }
        else if (RoundTrip.BackOffs > 0 && roundTrip > now - _lastTimeout)
        {
            // The peer had got an earlier copy, and its acknowledgment was lost: that time says nothing about the path,
            // and one such measurement would make the next timeouts endless.
            roundTrip = null;
            RoundTrip.EndBackOff();
        }
        else if (acknowledgment <= _measured && RoundTrip.BackOffs == 0)
        {
            // One measurement for each round trip, as the weights of RFC 6298 want it (RFC 7323, 4.1).
            roundTrip = null;
        }

        if (roundTrip is not null)
        {
            RoundTrip.Measure(roundTrip.Value);
            _measured = _usesTimestamps ? Next : _measured;
        }

        if (!IsOpened && RoundTrip.BackOffs > 0)
        {
            RoundTrip.OnLostSyn();
            _congestion.Begin(_segmentSize, wasSynLost: true);
        }

        Unacknowledged = acknowledgment;
        _selective.RemoveBelow(acknowledgment);
        _repeated = Math.Max(_repeated, acknowledgment);
        _stalledSince = null;
        _timer = IsInFlight ? now + RoundTrip.Timeout : null;
        if (Queued == 0)
        {
            _ring.Release();
        }
    }

    private void Grow(long acknowledged, TimeSpan now)
    {
        if (_repair != TcpRepair.None && Unacknowledged >= _repairEnd)
        {
            _repair = TcpRepair.None;
            _duplicates = 0;
            return;
        }

        switch (_repair)
        {
            case TcpRepair.None:
                _duplicates = 0;
                if (_isWindowLimit)
                {
                    _congestion.OnAcknowledged(acknowledged, now, RoundTrip.Smoothed);
                }

                break;

            case TcpRepair.Fast when !_usesSelective:
                // RFC 6582, 3.2: a partial acknowledgment says that the next segment is lost as well.
                _lostBelow = Math.Min(Unacknowledged + _segmentSize, _repairEnd);
                _repeated = Unacknowledged;
                _mustRepeat = true;
                _duplicates = Math.Max(0, _duplicates - (int)(acknowledged / _segmentSize));
                break;

            case TcpRepair.Timeout:
                _congestion.OnAcknowledgedAfterTimeout(acknowledged, now, RoundTrip.Smoothed);
                break;

            default:
                break;
        }
    }

    /// <summary>Begins a repair where the acknowledgments so far show a loss (RFC 6675, 5; RFC 5681, 3.2).</summary>
    private void FindLoss()
    {
        // Duplicates that the last repair itself has caused show nothing (RFC 6582, 3.2).
        bool isLoss = _usesSelective
            ? _duplicates >= DuplicateThreshold || (_selective.Count > 0 && IsLostBefore(0))
            : _duplicates >= DuplicateThreshold && Unacknowledged > _repairEnd;
        if (_repair != TcpRepair.None || !isLoss || !IsInFlight)
        {
            return;
        }

        _repair = TcpRepair.Fast;
        _repairEnd = Next;
        _lostBelow = Math.Min(Unacknowledged + _segmentSize, Next);
        _repeated = Unacknowledged;
        _mustRepeat = true;
        _wasRescued = false;
        _congestion.OnLoss();
    }

    private long TakeBlocks(in TcpOptions options, long acknowledgment)
    {
        long count = 0;
        for (int i = 0; i < options.BlockCount; i++)
        {
            long start = TcpSequence.Unwrap(options.Blocks[i].Left, Next);
            long end = TcpSequence.Unwrap(options.Blocks[i].Right, Next);

            // A block of duplicates lies below (RFC 2883); one beyond what was sent is a lie.
            if (start >= acknowledgment && start < end && end <= Next)
            {
                count += _selective.Add(start, end);
            }
        }

        return count;
    }

    /// <summary>Whether the octets in front of a range are lost (IsLost of RFC 6675, 4).</summary>
    private bool IsLostBefore(int range)
    {
        long beyond = 0;
        for (int i = range; i < _selective.Count; i++)
        {
            beyond += _selective[i].End - _selective[i].Start;
        }

        return _selective.Count - range >= DuplicateThreshold || beyond > (DuplicateThreshold - 1) * _segmentSize;
    }

    /// <summary>How much is thought to be on the way (SetPipe of RFC 6675, 4).</summary>
    private long Pipe()
    {
        long pipe = 0;
        long position = Unacknowledged;
        for (int i = 0; i <= _selective.Count; i++)
        {
            bool isLast = i == _selective.Count;
            long end = isLast ? Next : _selective[i].Start;
            bool isLost = !isLast && _repair != TcpRepair.None && IsLostBefore(i);
            long lostBelow = _repair == TcpRepair.None ? Unacknowledged : _lostBelow;
            pipe += isLost ? 0 : Math.Max(0, end - Math.Max(position, lostBelow));
            pipe += _repair == TcpRepair.None ? 0 : Math.Max(0, Math.Min(end, _repeated) - position);
            position = isLast ? end : _selective[i].End;
        }

        // Without SACK each duplicate stands for a segment that has arrived.
        return _usesSelective ? pipe : Math.Max(0, pipe - ((long)_duplicates * _segmentSize));
    }

    /// <summary>The first lost octets that were not sent again (NextSeg of RFC 6675, 4, rule 1).</summary>
    private bool TryNextLost(out TcpChunk chunk)
    {
        long position = Unacknowledged;
        for (int i = 0; i <= _selective.Count; i++)
        {
            bool isLast = i == _selective.Count;
            long end = isLast ? Next : _selective[i].Start;
            bool isLost = !isLast && IsLostBefore(i);
            long start = Math.Max(position, _repeated);
            long lostEnd = isLost ? end : Math.Min(end, _lostBelow);
            if (start < lostEnd)
            {
                chunk = Repeat(start, Math.Min(end, start + _segmentSize));
                return true;
            }

            position = isLast ? end : _selective[i].End;
        }

        chunk = default;
        return false;
    }

    private bool TryNextNew(long space, out TcpChunk chunk)
    {
        chunk = default;
        _isWindowLimit = false;
        long usable = Unacknowledged + _window - Next;
        long unsent = _end - Next;
        if (!IsOpened || usable <= 0 || Unsent <= 0)
        {
            return false;
        }

        int most = LargestChunk > _segmentSize ? LargestChunk - (LargestChunk % _segmentSize) : _segmentSize;
        long length = Math.Min(Math.Min(unsent, usable), most);
        if (length > space)
        {
            _isWindowLimit = true;
            length = space - (space % _segmentSize);
            if (length <= 0)
            {
                return false;
            }
        }

        bool isAll = length == unsent;
        if (length > _segmentSize && !isAll)
        {
            length -= length % _segmentSize;
        }

        bool hasFin = isAll && _hasFin && usable > length;
        if (!hasFin && (length == 0 || !IsWorthSending(length, isAll)))
        {
            return false;
        }

        chunk = new TcpChunk(Next, (int)length, hasFin, IsRepeated: false);
        return true;
    }

    /// <summary>
    /// Nagle's algorithm, and the sender's part in avoiding silly windows (RFC 9293, 3.7.4, 3.8.6.2.1).
    /// </summary>
    private bool IsWorthSending(long length, bool isAll)
    {
        return length >= _segmentSize
            || (isAll && (NoDelay || !IsInFlight))
            || length >= Math.Max(1, LargestWindow / 2)
            || _mayBeSmall;
    }

    /// <summary>Octets that may be lost, where there is nothing better to send (NextSeg, rules 3 and 4).</summary>
    private bool TryNextDoubtful(out TcpChunk chunk)
    {
        chunk = default;
        if (_repair != TcpRepair.Fast || _selective.Count == 0)
        {
            return false;
        }

        long position = Unacknowledged;
        for (int i = 0; i < _selective.Count; i++)
        {
            long start = Math.Max(position, _repeated);
            if (start < _selective[i].Start)
            {
                chunk = Repeat(start, Math.Min(_selective[i].Start, start + _segmentSize));
                return true;
            }

            position = _selective[i].End;
        }

        // The end of what is in flight, once: nothing beyond it can show that it was lost.
        long first = Math.Max(_selective.End, Next - _segmentSize);
        if (_wasRescued || first >= Next)
        {
            return false;
        }

        _wasRescued = true;
        _isRescue = true;
        chunk = Repeat(first, Next);
        return true;
    }

    private TcpChunk Repeat(long start, long end)
    {
        bool hasFin = end > _end;
        return new TcpChunk(start, (int)(end - start) - (hasFin ? 1 : 0), hasFin, IsRepeated: true);
    }
}

/// <summary>What a sender is doing about lost octets.</summary>
internal enum TcpRepair
{
    None,

    /// <summary>Acknowledgments have shown a loss (fast recovery; RFC 6675, RFC 6582).</summary>
    Fast,

    /// <summary>The retransmission timer expired.</summary>
    Timeout,
}

/// <summary>Sequence numbers of 32 bits, as segments carry them, and of 64 bits, which do not wrap.</summary>
internal static class TcpSequence
{
    /// <summary>The number nearest to another one whose low 32 bits are given.</summary>
    public static long Unwrap(uint value, long near) => near + (int)(value - (uint)near);
}
