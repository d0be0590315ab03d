using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Tcp;

/// <summary>
/// A connection: its states, what is done with each segment (RFC 9293, 3.10), and how segments are built.
/// </summary>
/// <remarks>
/// What a connection sends, <see cref="TcpSender"/> decides; what it accepts, <see cref="TcpReceiver"/>. Whatever
/// happens to a connection ends with <see cref="Output"/>, which sends what has become possible.
/// </remarks>
internal sealed class TcpConnection
{
    /// <summary>Twice the longest life of a segment, for which a closed connection is remembered.</summary>
    public static readonly TimeSpan TimeWait = TimeSpan.FromSeconds(60);

    /// <summary>How long the peer may take to close its side of a connection that nobody here holds any more.</summary>
    public static readonly TimeSpan FinWait2Limit = TimeSpan.FromSeconds(60);

    /// <summary>How many acknowledgments a second answer segments that bring nothing (RFC 5961, 7).</summary>
    public const int ChallengesPerSecond = 10;

    /// <summary>How long a peer's timestamp can be compared with later ones (RFC 7323, 5.5).</summary>
    private static readonly TimeSpan s_timestampLifetime = TimeSpan.FromDays(24);

    private static readonly TimeSpan s_linkRetry = TimeSpan.FromMilliseconds(1);

    private readonly TcpTable _table;
    private readonly TcpNetwork _network;
    private readonly TcpSender _sender;
    private readonly TcpReceiver _receiver;
    private readonly TcpPath _path;
    private readonly uint _timestampStart;
    private TcpSettings _settings;
    private TcpStatus _softError = TcpStatus.TimedOut;

    // What both sides have agreed on in their SYNs.
    private bool _usesTimestamps;
    private bool _usesSelective;
    private bool _usesScale;
    private byte _peerScale;

    private uint _recentTimestamp;
    private TimeSpan _recentTimestampTime;
    private long _lastAckSent;

    private TimeSpan? _deadline;
    private TimeSpan? _keepAlive;
    private TimeSpan _lastHeard;
    private int _keepAliveProbes;
    private TimeSpan _challengesSince;
    private int _challenges;
    private bool _isAbandoned;
    private bool _wantsRoom;

    public TcpConnection(TcpTable table, TcpNetwork network, in TcpKey key, in TcpSettings settings)
    {
        _table = table;
        _network = network;
        _settings = settings;
        _timestampStart = table.TimestampStart(key);
        _path = new TcpPath(network.PathSize(key.Remote));
        _sender = new TcpSender(table.Buffers, settings.SendBuffer)
        {
            NoDelay = settings.NoDelay,
            LargestChunk = network.LargestChunk,
        };
        _receiver = new TcpReceiver(table.Buffers, settings.ReceiveBuffer);
        Key = key;
    }

    public TcpKey Key { get; }

    public TcpState State { get; private set; } = TcpState.Closed;

    /// <summary>Why it ended, where it did not end as both sides wanted.</summary>
    public TcpStatus Error { get; private set; } = TcpStatus.Ok;

    /// <summary>Who holds it; null before it is accepted and after it is closed.</summary>
    public TcpSocket? Socket { get; set; }

    /// <summary>Where it waits to be accepted; null after that, and where it was opened from here.</summary>
    public TcpListenQueue? Listener { get; set; }

    /// <summary>Its place in the table's list.</summary>
    public int Index { get; set; }

    /// <summary>The number after the last that it has sent: where a successor must begin (RFC 9293, 3.4.1).</summary>
    public uint EndOfSent => (uint)_sender.Next;

    /// <summary>Whether it has come to TIME-WAIT.</summary>
    public bool WasTimeWait { get; private set; }

    public bool IsSynchronized => State is not (TcpState.Closed or TcpState.SynSent or TcpState.SynReceived);

    /// <summary>Whether it is being opened from here.</summary>
    public bool IsConnecting => State == TcpState.SynSent || (State == TcpState.SynReceived && Listener is null);

    public TcpSettings Settings
    {
        get => _settings;
        set
        {
            _sender.NoDelay = value.NoDelay;

            // What a SYN has promised cannot be changed.
            _settings = value with { SendBuffer = _settings.SendBuffer, ReceiveBuffer = _settings.ReceiveBuffer };
        }
    }

    public TcpReadiness Readiness
    {
        get
        {
            bool isOver = State is TcpState.Closed or TcpState.TimeWait;
            bool canWrite = State is TcpState.Established or TcpState.CloseWait && HasWorthwhileRoom;
            return (_receiver.Available > 0 || _receiver.HasEnded || isOver ? TcpReadiness.Readable : 0)
                | (canWrite || isOver ? TcpReadiness.Writable : 0)
                | (_receiver.HasEnded || isOver ? TcpReadiness.ReadClosed : 0)
                | (isOver ? TcpReadiness.Closed : 0)
                | (Error != TcpStatus.Ok ? TcpReadiness.Error : 0);
        }
    }

    /// <summary>How many bytes have been written and not acknowledged.</summary>
    public int Queued => _sender.Queued;

    /// <summary>How many bytes can be read.</summary>
    public int Available => _receiver.Available;

    /// <summary>When <see cref="RunTimers"/> has something to do; <see cref="TimeSpan.MaxValue"/> for never.</summary>
    public TimeSpan NextTimer
    {
        get
        {
            TimeSpan next = Earlier(TimeSpan.MaxValue, _sender.NextTimer);
            next = Earlier(next, _receiver.DelayedAck);
            next = Earlier(next, _keepAlive);
            return Earlier(next, _deadline);
        }
    }

    private bool HasWorthwhileRoom => _sender.Room >= _sender.Capacity / 4;

    /// <summary>Whether the program has ended its side of the stream.</summary>
    private bool IsSendClosed => State is not (TcpState.Established or TcpState.CloseWait);

    /// <summary>Opens it from here: sends a SYN.</summary>
    public SendStatus Connect(TimeSpan now)
    {
        _sender.Begin(_table.InitialSequence(Key, now));
        State = TcpState.SynSent;
        SendStatus status = SendSyn(TcpFlags.Syn, now);
        _table.Note(this);
        return status;
    }

    /// <summary>Opens it for a peer that has sent a SYN (RFC 9293, 3.10.7.2).</summary>
    /// <param name="header">The peer's SYN.</param>
    /// <param name="options">Its options.</param>
    /// <param name="initial">The sequence number to begin with.</param>
    /// <param name="now">The time.</param>
    public void Answer(in TcpHeader header, in TcpOptions options, uint initial, TimeSpan now)
    {
        _sender.Begin(initial);
        TakeSyn(header, options, now);
        State = TcpState.SynReceived;
        SendSyn(TcpFlags.Syn | TcpFlags.Ack, now);
        _table.Note(this);
    }

    /// <summary>Takes what the program writes.</summary>
    public TcpStatus Send(ReadOnlySpan<byte> data, out int count, TimeSpan now)
    {
        count = 0;
        if (Error != TcpStatus.Ok)
        {
            return Error;
        }

        if (State is TcpState.SynSent or TcpState.SynReceived)
        {
            _wantsRoom = true;
            return TcpStatus.WouldBlock;
        }

        if (IsSendClosed)
        {
            return TcpStatus.Closed;
        }

        count = _sender.Write(data);
        _wantsRoom = count < data.Length;
        if (count == 0 && data.Length > 0)
        {
            return TcpStatus.WouldBlock;
        }

        Output(now);
        return TcpStatus.Ok;
    }

    /// <summary>Reads what has arrived. <see cref="TcpStatus.Ok"/> without a byte is the end of the stream.</summary>
    public TcpStatus Receive(Span<byte> buffer, bool isPeek, out int count, TimeSpan now)
    {
        count = _receiver.Read(buffer, isPeek);
        if (count > 0)
        {
            if (State is TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2
                && _receiver.IsWindowUpdateDue)
            {
                _receiver.RequestAck();
                Output(now);
            }

            return TcpStatus.Ok;
        }

        if (_receiver.HasEnded || (buffer.Length == 0 && _receiver.Available > 0))
        {
            return TcpStatus.Ok;
        }

        return Error != TcpStatus.Ok ? Error : State == TcpState.Closed ? TcpStatus.Closed : TcpStatus.WouldBlock;
    }

    /// <summary>Ends the program's side of the stream, which the peer sees once it has read everything.</summary>
    public TcpStatus Shutdown(TimeSpan now)
    {
        if (Error != TcpStatus.Ok)
        {
            return Error;
        }

        switch (State)
        {
            case TcpState.Established or TcpState.SynReceived:
                State = TcpState.FinWait1;
                break;

            case TcpState.CloseWait:
                State = TcpState.LastAck;
                break;

            case TcpState.SynSent or TcpState.Closed:
                return TcpStatus.NotConnected;

            default:
                return TcpStatus.Ok;
        }

        _sender.Finish();
        Output(now);
        return TcpStatus.Ok;
    }

    /// <summary>
    /// The program lets go of it: what was written is still delivered, unless it lingers for no time.
    /// </summary>
    public void Close(TimeSpan now)
    {
        Socket = null;
        _isAbandoned = true;

        // What arrived and was not read is lost: the peer must not think otherwise (RFC 9293, 3.6.1).
        if (State == TcpState.SynSent || _settings.Linger == TimeSpan.Zero || _receiver.Available > 0)
        {
            Abort(now);
            _receiver.Release();
            return;
        }

        Shutdown(now);
        _receiver.Release();
        if (State == TcpState.FinWait2)
        {
            _deadline = now + FinWait2Limit;
        }
        else if (_settings.Linger is not null && State is not (TcpState.TimeWait or TcpState.Closed))
        {
            _deadline = now + _settings.Linger;
        }

        _table.Note(this);
    }

    /// <summary>Ends it at once; the peer is told by a RST (RFC 9293, 3.10.5).</summary>
    public void Abort(TimeSpan now, TcpStatus reason = TcpStatus.Closed)
    {
        if (State == TcpState.TimeWait)
        {
            // The peer has nothing to learn any more.
            return;
        }

        if (State is not (TcpState.Closed or TcpState.SynSent))
        {
            _table.SendReset(Key, (uint)_sender.Next, (uint)_receiver.Next, now);
        }

        End(reason == TcpStatus.Closed ? TcpStatus.Ok : reason);
    }

    /// <summary>Takes a segment for this connection.</summary>
    public void OnSegment(in TcpHeader header, in TcpOptions options, ReadOnlySpan<byte> data, TimeSpan now)
    {
        _lastHeard = now;
        _keepAliveProbes = 0;
        switch (State)
        {
            case TcpState.SynSent:
                OnAnswer(header, options, now);
                break;

            case TcpState.TimeWait:
                OnLate(header, options, data, now);
                break;

            default:
                OnSynchronized(header, options, data, now);
                break;
        }

        Output(now);
    }

    /// <summary>An ICMP error quotes a segment of this connection.</summary>
    /// <param name="sequence">The quoted sequence number.</param>
    /// <param name="error">What it means for a connection that is being opened.</param>
    /// <param name="now">The time.</param>
    public void OnUnreachable(uint sequence, TcpStatus error, TimeSpan now)
    {
        if (!IsInFlight(sequence))
        {
            return;
        }

        // Anyone can send an ICMP error, so an open connection does not end by one (RFC 5927, 5.2).
        if (IsConnecting)
        {
            End(error);
        }
        else
        {
            _softError = error;
        }

        Output(now);
    }

    /// <summary>An ICMP error says that a segment of this connection was too large.</summary>
    /// <param name="sequence">The quoted sequence number.</param>
    /// <param name="pathSize">How many bytes the path carries after the IP header; 0 where it does not say.</param>
    /// <param name="now">The time.</param>
    public void OnTooLarge(uint sequence, int pathSize, TimeSpan now)
    {
        if (IsInFlight(sequence) && _path.OnTooLarge(TcpSequence.Unwrap(sequence, _sender.Unacknowledged), pathSize))
        {
            _sender.RepeatSmaller(_path.DataSize);
            Output(now);
        }
    }

    /// <summary>The next hop does not answer.</summary>
    public void OnNoNeighbour()
    {
        if (IsConnecting)
        {
            End(TcpStatus.Unreachable);
        }
    }

    /// <summary>Does what is due.</summary>
    public void RunTimers(TimeSpan now)
    {
        if (now >= _deadline)
        {
            OnDeadline(now);
        }

        if (now >= _keepAlive)
        {
            OnKeepAlive(now);
        }

        _receiver.RunTimer(now);
        switch (_sender.RunTimer(now))
        {
            case TcpTimeout.GiveUp:
                Abort(now, _softError);
                break;

            case TcpTimeout.Probe:
                SendProbe(now);
                break;

            case TcpTimeout.Send when State is TcpState.SynSent:
                SendSyn(TcpFlags.Syn, now);
                break;

            case TcpTimeout.Send when !_sender.IsOpened:
                SendSyn(TcpFlags.Syn | TcpFlags.Ack, now);
                break;

            case TcpTimeout.Send when _path.OnTimeout(_sender.RoundTrip.BackOffs):
                _sender.SetSegmentSize(_path.DataSize);
                break;

            default:
                break;
        }

        Output(now);
    }

    private static TimeSpan Earlier(TimeSpan time, TimeSpan? other) => other < time ? other.Value : time;

    /// <summary>The peer's answer to our SYN (RFC 9293, 3.10.7.3).</summary>
    private void OnAnswer(in TcpHeader header, in TcpOptions options, TimeSpan now)
    {
        bool hasAck = header.Has(TcpFlags.Ack);
        if (hasAck && TcpSequence.Unwrap(header.Acknowledgment, _sender.Next) != _sender.Next)
        {
            if (!header.Has(TcpFlags.Rst))
            {
                _table.SendReset(Key, header.Acknowledgment, null, now);
            }

            return;
        }

        if (header.Has(TcpFlags.Rst))
        {
            if (hasAck)
            {
                End(TcpStatus.Refused);
            }

            return;
        }

        if (!header.Has(TcpFlags.Syn))
        {
            return;
        }

        TakeSyn(header, options, now);
        if (!hasAck)
        {
            // Both sides open at the same time.
            State = TcpState.SynReceived;
            SendSyn(TcpFlags.Syn | TcpFlags.Ack, now);
            return;
        }

        _sender.OnAck(_sender.Next, options, isBare: false, RoundTripOf(options, now), now);
        _receiver.RequestAck();
        Establish(now);
    }

    private void TakeSyn(in TcpHeader header, in TcpOptions options, TimeSpan now)
    {
        long initial = header.Sequence;
        _usesTimestamps = options.HasTimestamp;
        _usesSelective = options.IsSackPermitted;
        _usesScale = options.WindowScale is not null;
        _peerScale = options.WindowScale ?? 0;
        _recentTimestamp = options.TimestampValue;
        _recentTimestampTime = now;
        _receiver.Begin(initial, _path.OwnSegmentSize, _usesScale);
        _path.Begin(options.MaximumSegmentSize, _usesTimestamps ? TcpOptions.TimestampLength : 0);
        _sender.Negotiate(_path.DataSize, _usesSelective, _usesTimestamps);

        // The window of a SYN is never scaled (RFC 7323, 2.2).
        _sender.BeginWindow(initial, _sender.Next, header.Window);
    }

    private void Establish(TimeSpan now)
    {
        State = TcpState.Established;
        _lastHeard = now;
        ArmKeepAlive(now);
        Listener?.OnEstablished(this);
        Notify(TcpReadiness.Writable);
    }

    /// <summary>Everything but SYN-SENT and TIME-WAIT (RFC 9293, 3.10.7.4, with RFC 5961 and RFC 7323).</summary>
    private void OnSynchronized(in TcpHeader header, in TcpOptions options, ReadOnlySpan<byte> data, TimeSpan now)
    {
        long sequence = TcpSequence.Unwrap(header.Sequence, _receiver.Next);
        bool isSyn = header.Has(TcpFlags.Syn);
        if (isSyn && State == TcpState.SynReceived && sequence == _receiver.Next - 1 && !header.Has(TcpFlags.Rst))
        {
            if (!header.Has(TcpFlags.Ack))
            {
                // Our answer was lost.
                SendSyn(TcpFlags.Syn | TcpFlags.Ack, now);
                return;
            }

            // The last step of opening at the same time: the SYN is known, the acknowledgment counts.
            isSyn = false;
            sequence++;
        }

        long length = data.Length + (header.Has(TcpFlags.Fin) ? 1 : 0) + (isSyn ? 1 : 0);
        if (!header.Has(TcpFlags.Rst) && IsTooOld(options, now))
        {
            // RFC 7323, 5.3, R1.
            AnswerUseless(length, now);
            return;
        }

        if (!IsAcceptable(sequence, length))
        {
            if (!header.Has(TcpFlags.Rst))
            {
                AnswerUseless(length, now);
            }

            return;
        }

        if (header.Has(TcpFlags.Rst))
        {
            OnReset(sequence, now);
            return;
        }

        if (isSyn)
        {
            Challenge(now);
            return;
        }

        if (_usesTimestamps && !options.HasTimestamp)
        {
            // RFC 7323, 3.2.
            return;
        }

        if (!header.Has(TcpFlags.Ack) || !TryTakeAck(header, options, sequence, length, now))
        {
            return;
        }

        if (_usesTimestamps && sequence <= _lastAckSent)
        {
            _recentTimestamp = options.TimestampValue;
            _recentTimestampTime = now;
        }

        if (length > 0 && State is TcpState.Established or TcpState.FinWait1 or TcpState.FinWait2)
        {
            TakeData(sequence, data, header.Has(TcpFlags.Fin), now);
        }
    }

    /// <summary>Whether a segment is from before the last one, by its timestamp (PAWS; RFC 7323, 5).</summary>
    private bool IsTooOld(in TcpOptions options, TimeSpan now)
    {
        return _usesTimestamps
            && options.HasTimestamp
            && (int)(options.TimestampValue - _recentTimestamp) < 0
            && now - _recentTimestampTime < s_timestampLifetime;
    }

    /// <summary>Whether a segment lies in the window at least in part (RFC 9293, 3.10.7.4).</summary>
    /// <remarks>
    /// More generous in one point: a segment that begins where the window ends is looked at. A peer that has filled the
    /// window sends its acknowledgments from there.
    /// </remarks>
    private bool IsAcceptable(long sequence, long length)
    {
        long last = length == 0 ? sequence : sequence + length - 1;
        return sequence <= _receiver.WindowEnd && last >= _receiver.Next;
    }

    private void OnReset(long sequence, TimeSpan now)
    {
        // RFC 5961, 3.2.
        if (sequence != _receiver.Next)
        {
            if (sequence < _receiver.WindowEnd)
            {
                Challenge(now);
            }

            return;
        }

        End(State switch
        {
            TcpState.SynReceived => TcpStatus.Refused,
            TcpState.Closing or TcpState.LastAck when _sender.Queued == 0 => TcpStatus.Ok,
            _ => TcpStatus.Reset,
        });
    }

    /// <returns>Whether the segment's data may be looked at.</returns>
    private bool TryTakeAck(
        in TcpHeader header, in TcpOptions options, long sequence, long length, TimeSpan now)
    {
        long acknowledgment = TcpSequence.Unwrap(header.Acknowledgment, _sender.Unacknowledged);
        if (!_sender.IsOpened)
        {
            if (acknowledgment <= _sender.Unacknowledged || acknowledgment > _sender.Next)
            {
                _table.SendReset(Key, header.Acknowledgment, null, now);
                return false;
            }

            if (State == TcpState.SynReceived)
            {
                Establish(now);
            }

            _sender.BeginWindow(sequence, acknowledgment, (long)header.Window << _peerScale);
        }

        // RFC 5961, 5.2.
        if (acknowledgment > _sender.Next || acknowledgment < _sender.Unacknowledged - _sender.LargestWindow)
        {
            Challenge(now);
            return false;
        }

        if (acknowledgment >= _sender.Unacknowledged)
        {
            TakeAck(acknowledgment, header, options, sequence, length, now);
        }

        return State != TcpState.Closed;
    }

    private void TakeAck(
        long acknowledgment, in TcpHeader header, in TcpOptions options, long sequence, long length, TimeSpan now)
    {
        long window = (long)header.Window << _peerScale;
        bool isProgress = acknowledgment > _sender.Unacknowledged;
        if (isProgress)
        {
            long acknowledged = acknowledgment - _sender.Unacknowledged;
            _path.OnAcknowledged(acknowledgment, (int)Math.Min(acknowledged, int.MaxValue));
            _softError = TcpStatus.TimedOut;
        }

        bool isBare = length == 0 && window == _sender.Window;
        _sender.OnAck(acknowledgment, options, isBare, RoundTripOf(options, now), now);
        _sender.OnWindow(sequence, acknowledgment, window, now);
        if (isProgress && _wantsRoom && HasWorthwhileRoom)
        {
            _wantsRoom = false;
            Notify(TcpReadiness.Writable);
        }

        if (_sender.IsFinAcknowledged)
        {
            OnFinAcknowledged(now);
        }
    }

    private void OnFinAcknowledged(TimeSpan now)
    {
        switch (State)
        {
            case TcpState.FinWait1:
                State = TcpState.FinWait2;
                _deadline = _isAbandoned ? now + FinWait2Limit : null;
                break;

            case TcpState.Closing:
                BeginTimeWait(now);
                break;

            case TcpState.LastAck:
                End(TcpStatus.Ok);
                break;

            default:
                break;
        }
    }

    private void TakeData(long sequence, ReadOnlySpan<byte> data, bool hasFin, TimeSpan now)
    {
        if (_isAbandoned && sequence + data.Length > _receiver.Next)
        {
            // Nobody will read it, and the peer should know (RFC 9293, 3.6.1).
            Abort(now);
            return;
        }

        bool hadEnded = _receiver.HasEnded;
        bool hasMore = data.Length > 0 && _receiver.OnData(sequence, data, now);
        if (hasFin)
        {
            _receiver.OnFin(sequence + data.Length);
        }

        if (hasMore)
        {
            Notify(TcpReadiness.Readable);
        }

        if (_receiver.HasEnded && !hadEnded)
        {
            OnPeerFinished(now);
        }
    }

    private void OnPeerFinished(TimeSpan now)
    {
        switch (State)
        {
            case TcpState.Established:
                State = TcpState.CloseWait;
                break;

            case TcpState.FinWait1:
                // Were our FIN acknowledged, this would be FIN-WAIT-2.
                State = TcpState.Closing;
                break;

            case TcpState.FinWait2:
                BeginTimeWait(now);
                break;

            default:
                break;
        }

        Notify(TcpReadiness.Readable | TcpReadiness.ReadClosed);
    }

    /// <summary>Segments after the end: the peer has not seen our last acknowledgment (RFC 9293, 3.10.7.4).</summary>
    private void OnLate(in TcpHeader header, in TcpOptions options, ReadOnlySpan<byte> data, TimeSpan now)
    {
        // A RST would end the wait too early (RFC 1337).
        if (header.Has(TcpFlags.Rst))
        {
            return;
        }

        long sequence = TcpSequence.Unwrap(header.Sequence, _receiver.Next);
        bool isFin = header.Has(TcpFlags.Fin) && sequence + data.Length == _receiver.Next - 1;
        if (isFin && !IsTooOld(options, now))
        {
            _deadline = now + TimeWait;
        }

        AnswerUseless(data.Length + (header.Has(TcpFlags.Fin | TcpFlags.Syn) ? 1 : 0), now);
    }

    /// <summary>
    /// Whether a SYN for a connection in TIME-WAIT can only be a new one (RFC 6191; RFC 9293, 3.10.7.4).
    /// </summary>
    public bool MayBeReplacedBy(in TcpHeader header, in TcpOptions options)
    {
        if (State != TcpState.TimeWait || !header.Has(TcpFlags.Syn) || header.Has(TcpFlags.Rst | TcpFlags.Ack))
        {
            return false;
        }

        bool isNewer = (int)(header.Sequence - (uint)_receiver.Next) > 0;
        return _usesTimestamps && options.HasTimestamp
            ? (int)(options.TimestampValue - _recentTimestamp) is int age && (age > 0 || (age == 0 && isNewer))
            : isNewer;
    }

    /// <summary>Forgets it without a word.</summary>
    public void End(TcpStatus error)
    {
        if (State == TcpState.Closed)
        {
            return;
        }

        State = TcpState.Closed;
        Error = error;
        _deadline = null;
        _keepAlive = null;
        _receiver.OnAckSent();
        _sender.Release();
        if (Socket is null)
        {
            _receiver.Release();
        }

        _table.Remove(this);
        Listener?.OnGone(this);
        Notify(TcpReadiness.Readable | TcpReadiness.Writable | TcpReadiness.ReadClosed | TcpReadiness.Closed
            | (error == TcpStatus.Ok ? 0 : TcpReadiness.Error));
    }

    private void BeginTimeWait(TimeSpan now)
    {
        State = TcpState.TimeWait;
        WasTimeWait = true;
        _deadline = now + TimeWait;
        _keepAlive = null;
        _sender.Release();
        if (Socket is null)
        {
            _receiver.Release();
        }

        _table.OnTimeWait(this);
        Notify(TcpReadiness.Closed | TcpReadiness.Writable);
    }

    private void OnDeadline(TimeSpan now)
    {
        _deadline = null;
        if (State is TcpState.TimeWait or TcpState.FinWait2)
        {
            End(TcpStatus.Ok);
        }
        else
        {
            // It has lingered for long enough.
            Abort(now);
        }
    }

    /// <summary>Starts or stops asking a silent peer whether it is still there (RFC 9293, 3.8.4).</summary>
    public void ArmKeepAlive(TimeSpan now)
    {
        bool isOpen = IsSynchronized && State != TcpState.TimeWait;
        _keepAlive = _settings.KeepAlive && isOpen ? now + _settings.KeepAliveTime : null;
        _table.Note(this);
    }

    private void OnKeepAlive(TimeSpan now)
    {
        if (_sender.IsInFlight || now - _lastHeard < _settings.KeepAliveTime)
        {
            _keepAliveProbes = 0;
            TimeSpan heard = _sender.IsInFlight ? now : _lastHeard;
            _keepAlive = heard + _settings.KeepAliveTime;
        }
        else if (_keepAliveProbes >= _settings.KeepAliveRetries)
        {
            Abort(now, TcpStatus.TimedOut);
        }
        else
        {
            _keepAliveProbes++;
            _keepAlive = now + _settings.KeepAliveInterval;
            SendProbe(now);
        }
    }

    /// <summary>Sends what has become possible, then an acknowledgment where one is still owed.</summary>
    private void Output(TimeSpan now)
    {
        if (State == TcpState.Closed)
        {
            return;
        }

        while (_sender.IsOpened && _sender.TryNext(now, out TcpChunk chunk))
        {
            TcpFlags flags = TcpFlags.Ack
                | (chunk.HasFin ? TcpFlags.Fin : 0)
                | (chunk.Length > 0 && _sender.IsLast(chunk) ? TcpFlags.Psh : 0);
            if (Emit(chunk.Sequence, chunk.Length, flags, now) == SendStatus.Busy)
            {
                _sender.OnLinkBusy(now);
                break;
            }

            _sender.OnSent(chunk, now);
            _table.OnSent(chunk.IsRepeated);
        }

        _sender.WaitForWindow(now);
        if (_receiver.IsAckDue && IsSynchronized)
        {
            SendAck(now);
        }

        _table.Note(this);
    }

    private void SendAck(TimeSpan now)
    {
        if (Emit(_sender.Next, 0, TcpFlags.Ack, now) == SendStatus.Busy)
        {
            _receiver.PostponeAck(now + s_linkRetry);
        }
    }

    /// <summary>A segment with a number that the peer has seen: it must answer (RFC 9293, 3.8.4, 3.8.6.1).</summary>
    private void SendProbe(TimeSpan now) => Emit(_sender.Unacknowledged - 1, 0, TcpFlags.Ack, now);

    /// <summary>Answers a segment that is not acceptable (RFC 9293, 3.10.7.4).</summary>
    private void AnswerUseless(long length, TimeSpan now)
    {
        if (length > 0)
        {
            SendAck(now);
        }
        else
        {
            Challenge(now);
        }
    }

    /// <summary>Tells the peer what is expected, so that it can show that it is the peer (RFC 5961).</summary>
    private void Challenge(TimeSpan now)
    {
        if (now - _challengesSince >= TimeSpan.FromSeconds(1))
        {
            _challengesSince = now;
            _challenges = 0;
        }

        if (_challenges++ < ChallengesPerSecond)
        {
            SendAck(now);
        }
    }

    private SendStatus SendSyn(TcpFlags flags, TimeSpan now)
    {
        bool isAnswer = (flags & TcpFlags.Ack) != 0;
        TcpOptions options = default;
        options.MaximumSegmentSize = (ushort)_path.OwnSegmentSize;
        options.IsSackPermitted = !isAnswer || _usesSelective;
        options.WindowScale = !isAnswer || _usesScale ? _receiver.OwnScale : null;
        options.HasTimestamp = !isAnswer || _usesTimestamps;
        SendStatus status = Build(_sender.Unacknowledged, 0, flags, ref options, now);
        _sender.OnSynSent(now);
        return status;
    }

    private SendStatus Emit(long sequence, int length, TcpFlags flags, TimeSpan now)
    {
        TcpOptions options = default;
        options.HasTimestamp = _usesTimestamps;
        if (_usesSelective)
        {
            _receiver.WriteBlocks(ref options, _usesTimestamps ? TcpBlocks.Capacity - 1 : TcpBlocks.Capacity);
        }

        return Build(sequence, length, flags, ref options, now);
    }

    private SendStatus Build(long sequence, int length, TcpFlags flags, ref TcpOptions options, TimeSpan now)
    {
        if (options.HasTimestamp)
        {
            options.TimestampValue = Timestamp(now);
            options.TimestampEcho = (flags & TcpFlags.Ack) != 0 ? _recentTimestamp : 0;
        }

        // Blocks are left out where there is no room for them.
        int headerLength = TcpHeader.MinimumLength + options.Length;
        int largest = _path.DataSize + TcpHeader.MinimumLength + (_usesTimestamps ? TcpOptions.TimestampLength : 0);
        while (options.BlockCount > 0 && headerLength + length > largest)
        {
            options.BlockCount = length > 0 ? 0 : options.BlockCount - 1;
            headerLength = TcpHeader.MinimumLength + options.Length;
        }

        bool hasAck = (flags & TcpFlags.Ack) != 0;
        bool isScaled = _usesScale && (flags & TcpFlags.Syn) == 0;
        ushort window = hasAck ? _receiver.Advertise(isScaled ? _receiver.OwnScale : 0) : FirstWindow;
        Span<byte> segment = _network.Segment;
        var header = new TcpHeader(
            Key.Local.Port,
            Key.Remote.Port,
            (uint)sequence,
            hasAck ? (uint)_receiver.Next : 0,
            headerLength,
            flags,
            window);
        options.Write(segment[TcpHeader.MinimumLength..]);
        header.Write(segment);
        _sender.CopyTo(sequence, segment.Slice(headerLength, length));
        SendStatus status = _network.Send(
            Key.Local, Key.Remote, headerLength + length, headerLength, _path.DataSize, now);
        if (hasAck && status != SendStatus.Busy)
        {
            _receiver.OnAckSent();
            _lastAckSent = _receiver.Next;
        }

        return status;
    }

    private ushort FirstWindow => (ushort)Math.Min(_receiver.Capacity, ushort.MaxValue);

    private uint Timestamp(TimeSpan now) => _timestampStart + (uint)(now.Ticks / TimeSpan.TicksPerMillisecond);

    private TimeSpan? RoundTripOf(in TcpOptions options, TimeSpan now)
    {
        int age = (int)(Timestamp(now) - options.TimestampEcho);
        return _usesTimestamps && options.HasTimestamp && age >= 0 ? TimeSpan.FromMilliseconds(age) : null;
    }

    private bool IsInFlight(uint sequence)
    {
        long quoted = TcpSequence.Unwrap(sequence, _sender.Unacknowledged);
        return quoted >= _sender.Unacknowledged && quoted < _sender.Next;
    }

    private void Notify(TcpReadiness readiness)
    {
        if (Socket is not null)
        {
            _table.Raise(Socket, readiness);
        }
    }
}

/// <summary>The two ends of a connection.</summary>
internal readonly record struct TcpKey(IpEndpoint Local, IpEndpoint Remote);
