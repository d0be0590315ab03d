using System;
using System.Collections.Generic;
using VirtioGuest.Net.Protocols;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Tcp;

/// <summary>All connections and listeners of a stack: finds whom a segment is for (RFC 9293, 3.10.7).</summary>
internal sealed class TcpTable
{
    /// <summary>How many connections there may be, half-open and closing ones included.</summary>
    public const int ConnectionLimit = 1024;

    /// <summary>How many of them may be in TIME-WAIT.</summary>
    public const int TimeWaitLimit = 256;

    /// <summary>How many sockets may be bound to a port.</summary>
    public const int BoundLimit = 1024;

    private const int DynamicPorts = ushort.MaxValue - UdpPorts.FirstDynamicPort + 1;

    /// <summary>How far behind its predecessor a connection begins that takes the place of one in TIME-WAIT.</summary>
    private const uint ReuseDistance = 0x1_0000;

    private readonly TcpNetwork _network;
    private readonly StackCounters _counters;
    private readonly TcpSecret _secret;
    private readonly Dictionary<TcpKey, TcpConnection> _connections = new(ConnectionLimit);
    private readonly List<TcpConnection> _all = new(ConnectionLimit);
    private readonly List<TcpListenQueue> _listeners = [];
    private readonly List<TcpSocket> _bound = [];
    private int _timeWaits;
    private TcpSocket? _firstRaised;
    private TcpSocket? _lastRaised;

    public TcpTable(TcpNetwork network, StackCounters counters, TcpSecret secret)
    {
        _network = network;
        _counters = counters;
        _secret = secret;
    }

    public TcpBuffers Buffers { get; } = new();

    public int Connections => _all.Count;

    /// <summary>When <see cref="RunTimers"/> has something to do, or has to look whether it does.</summary>
    public TimeSpan NextTimer { get; private set; } = TimeSpan.MaxValue;

    /// <summary>Whether sockets wait for <see cref="TryTakeRaised"/>.</summary>
    public bool HasRaised => _firstRaised is not null;

    public uint InitialSequence(in TcpKey key, TimeSpan now) => _secret.InitialSequence(key, now);

    public uint TimestampStart(in TcpKey key) => _secret.TimestampStart(key);

    /// <summary>Takes a received segment.</summary>
    /// <param name="local">Our address, without a port.</param>
    /// <param name="remote">The sender's address, without a port.</param>
    /// <param name="segment">The segment, without padding.</param>
    /// <param name="pseudoHeaderSum">
    /// The sum of its pseudo-header; null where the device has checked the segment.
    /// </param>
    /// <param name="now">The time.</param>
    public void OnSegment(
        in IpEndpoint local, in IpEndpoint remote, ReadOnlySpan<byte> segment, ulong? pseudoHeaderSum, TimeSpan now)
    {
        TcpOptions options = default;
        bool isWellFormed = TcpHeader.TryParse(segment, out TcpHeader header)
            && header.SourcePort != 0
            && header.DestinationPort != 0
            && TcpOptions.TryParse(segment[TcpHeader.MinimumLength..header.HeaderLength], out options);
        if (!isWellFormed)
        {
            _counters.Drop(DropReason.TcpMalformed);
            return;
        }

        if (pseudoHeaderSum is ulong sum && !InternetChecksum.IsCorrect(segment, sum))
        {
            _counters.Drop(DropReason.TcpChecksum);
            return;
        }

        ReadOnlySpan<byte> data = segment[header.HeaderLength..];
        var key = new TcpKey(
            local with { Port = header.DestinationPort }, remote with { Port = header.SourcePort });
        if (!_connections.TryGetValue(key, out TcpConnection? connection))
        {
            OnUnknown(key, header, options, data.Length, null, now);
        }
        else if (connection.MayBeReplacedBy(header, options) && FindListener(key.Local) is not null)
        {
            uint initial = connection.EndOfSent + ReuseDistance;
            connection.End(TcpStatus.Ok);
            OnUnknown(key, header, options, data.Length, initial, now);
        }
        else
        {
            connection.OnSegment(header, options, data, now);
        }
    }

    /// <summary>An ICMP error quotes a segment of ours.</summary>
    /// <param name="key">The ends of the connection.</param>
    /// <param name="sequence">The quoted sequence number.</param>
    /// <param name="error">What it means for a connection that is being opened.</param>
    /// <param name="now">The time.</param>
    /// <returns>Whether there is such a connection.</returns>
    public bool OnUnreachable(in TcpKey key, uint sequence, TcpStatus error, TimeSpan now)
    {
        bool isKnown = _connections.TryGetValue(key, out TcpConnection? connection);
        connection?.OnUnreachable(sequence, error, now);
        return isKnown;
    }

    /// <summary>An ICMP error quotes a segment of ours that was too large.</summary>
    /// <returns>Whether there is such a connection.</returns>
    public bool OnTooLarge(in TcpKey key, uint sequence, int pathSize, TimeSpan now)
    {
        bool isKnown = _connections.TryGetValue(key, out TcpConnection? connection);
        connection?.OnTooLarge(sequence, pathSize, now);
        return isKnown;
    }

    /// <summary>Ends the attempts to open connections that go through a neighbour who does not answer.</summary>
    public void OnNoNeighbour(Func<IpEndpoint, bool> isBehind)
    {
        for (int i = _all.Count - 1; i >= 0; i--)
        {
            if (_all[i].IsConnecting && isBehind(_all[i].Key.Remote))
            {
                _all[i].OnNoNeighbour();
            }
        }
    }

    /// <summary>Ends all connections from addresses that are no longer ours.</summary>
    public void OnAddressChange()
    {
        for (int i = _all.Count - 1; i >= 0; i--)
        {
            if (!_network.IsLocal(_all[i].Key.Local))
            {
                _all[i].End(TcpStatus.Unreachable);
            }
        }
    }

    /// <summary>Gives a socket a port.</summary>
    /// <param name="socket">The socket, which has none yet.</param>
    /// <param name="local">Our address or none in particular; the port, or 0 for any that is free.</param>
    public TcpStatus Bind(TcpSocket socket, in IpEndpoint local)
    {
        if (!_network.IsLocal(local))
        {
            return TcpStatus.AddressNotAvailable;
        }

        if (_bound.Count == BoundLimit)
        {
            return TcpStatus.NoRoom;
        }

        IpEndpoint candidate = local;
        int start = local.Port == 0 ? _secret.Draw(DynamicPorts) : 0;
        int tries = local.Port == 0 ? DynamicPorts : 1;
        for (int i = 0; i < tries; i++)
        {
            if (local.Port == 0)
            {
                candidate = local with { Port = DynamicPort(start + i) };
            }

            if (!IsBound(candidate))
            {
                socket.Bound = candidate;
                _bound.Add(socket);
                return TcpStatus.Ok;
            }
        }

        return TcpStatus.AddressInUse;
    }

    public void Unbind(TcpSocket socket) => _bound.Remove(socket);

    public TcpListenQueue Listen(TcpSocket socket, int backlog)
    {
        var listener = new TcpListenQueue(this, socket, socket.Bound, backlog);
        _listeners.Add(listener);
        return listener;
    }

    public void Close(TcpListenQueue listener, TimeSpan now)
    {
        _listeners.Remove(listener);
        listener.Close(now);
    }

    /// <summary>Opens a connection.</summary>
    /// <param name="bound">Where from; parts may be left open.</param>
    /// <param name="remote">Where to.</param>
    /// <param name="settings">The socket's options.</param>
    /// <param name="now">The time.</param>
    /// <param name="connection">The connection, where it is being opened.</param>
    public TcpStatus Connect(
        in IpEndpoint bound, in IpEndpoint remote, in TcpSettings settings, TimeSpan now, out TcpConnection? connection)
    {
        connection = null;
        if (remote.Port == 0 || !_network.TryGetLocal(remote, out IpEndpoint local))
        {
            return TcpStatus.Unreachable;
        }

        local = (bound.IsAnyAddress ? local : bound) with { Port = bound.Port };
        if (!TryMakeRoom())
        {
            return TcpStatus.NoRoom;
        }

        if (!TryFindKey(local, remote, out TcpKey key))
        {
            return TcpStatus.AddressInUse;
        }

        connection = Add(key, settings);
        SendStatus status = connection.Connect(now);
        if (status is SendStatus.NoAddress or SendStatus.NoRoute)
        {
            connection.End(TcpStatus.Unreachable);
            return TcpStatus.Unreachable;
        }

        return TcpStatus.Ok;
    }

    /// <summary>Does what is due on all connections.</summary>
    public void RunTimers(TimeSpan now)
    {
        // Called for every frame. Timers that were put off are found out when their old time has come.
        if (now < NextTimer)
        {
            return;
        }

        NextTimer = TimeSpan.MaxValue;
        for (int i = _all.Count - 1; i >= 0; i--)
        {
            TcpConnection connection = _all[i];
            if (now >= connection.NextTimer)
            {
                connection.RunTimers(now);
            }

            if (connection.State != TcpState.Closed)
            {
                Note(connection);
            }
        }
    }

    /// <summary>A connection's timers have changed.</summary>
    public void Note(TcpConnection connection)
    {
        TimeSpan next = connection.NextTimer;
        NextTimer = next < NextTimer ? next : NextTimer;
    }

    public void OnSent(bool isRepeated) => _counters.TcpSent(isRepeated);

    /// <summary>A connection has been closed by both sides; the oldest of such makes room for it.</summary>
    public void OnTimeWait(TcpConnection connection)
    {
        _timeWaits++;
        if (_timeWaits > TimeWaitLimit)
        {
            EndOldestTimeWait(except: connection);
        }
    }

    public void Remove(TcpConnection connection)
    {
        if (!_connections.Remove(connection.Key))
        {
            return;
        }

        _timeWaits -= connection.WasTimeWait ? 1 : 0;
        TcpConnection last = _all[^1];
        _all[connection.Index] = last;
        last.Index = connection.Index;
        _all.RemoveAt(_all.Count - 1);
    }

    /// <summary>Sends a RST (RFC 9293, 3.5.2).</summary>
    /// <param name="key">Between which ends.</param>
    /// <param name="sequence">Its sequence number.</param>
    /// <param name="acknowledgment">What it acknowledges; null for nothing.</param>
    /// <param name="now">The time.</param>
    public void SendReset(in TcpKey key, uint sequence, uint? acknowledgment, TimeSpan now)
    {
        var header = new TcpHeader(
            key.Local.Port,
            key.Remote.Port,
            sequence,
            acknowledgment ?? 0,
            TcpHeader.MinimumLength,
            acknowledgment is null ? TcpFlags.Rst : TcpFlags.Rst | TcpFlags.Ack,
            Window: 0);
        header.Write(_network.Segment);
        _network.Send(key.Local, key.Remote, TcpHeader.MinimumLength, TcpHeader.MinimumLength, ushort.MaxValue, now);
    }

    /// <summary>Remembers that a socket has something to tell, once the lock is released.</summary>
    public void Raise(TcpSocket socket, TcpReadiness readiness)
    {
        if (socket.Raised == 0)
        {
            _firstRaised ??= socket;
            if (_lastRaised is not null)
            {
                _lastRaised.NextRaised = socket;
            }

            _lastRaised = socket;
        }

        socket.Raised |= readiness;
    }

    /// <summary>Takes a socket that has something to tell.</summary>
    public bool TryTakeRaised(out TcpSocket? socket, out TcpReadiness readiness)
    {
        socket = _firstRaised;
        readiness = 0;
        if (socket is null)
        {
            return false;
        }

        readiness = socket.Raised;
        _firstRaised = socket.NextRaised;
        _lastRaised = _firstRaised is null ? null : _lastRaised;
        socket.NextRaised = null;
        socket.Raised = 0;
        return true;
    }

    /// <summary>A segment that belongs to no connection (RFC 9293, 3.10.7.1 and 3.10.7.2).</summary>
    private void OnUnknown(
        in TcpKey key, in TcpHeader header, in TcpOptions options, int dataLength, uint? initial, TimeSpan now)
    {
        if (header.Has(TcpFlags.Rst))
        {
            _counters.Drop(DropReason.TcpNoConnection);
            return;
        }

        TcpListenQueue? listener = FindListener(key.Local);
        bool isSyn = (header.Flags & (TcpFlags.Syn | TcpFlags.Ack | TcpFlags.Fin)) == TcpFlags.Syn;
        if (listener is not null && isSyn)
        {
            Answer(listener, key, header, options, initial, now);
            return;
        }

        _counters.Drop(DropReason.TcpNoConnection);
        if (header.Has(TcpFlags.Ack))
        {
            SendReset(key, header.Acknowledgment, null, now);
        }
        else if (listener is null)
        {
            int length = dataLength + (header.Has(TcpFlags.Syn) ? 1 : 0) + (header.Has(TcpFlags.Fin) ? 1 : 0);
            SendReset(key, 0, header.Sequence + (uint)length, now);
        }
    }

    private void Answer(
        TcpListenQueue listener,
        in TcpKey key,
        in TcpHeader header,
        in TcpOptions options,
        uint? initial,
        TimeSpan now)
    {
        if (!listener.TryMakeRoom() || !TryMakeRoom())
        {
            _counters.Drop(DropReason.TcpBacklogFull);
            return;
        }

        TcpConnection connection = Add(key, listener.Socket.StoredSettings);
        listener.Add(connection);
        connection.Answer(header, options, initial ?? InitialSequence(key, now), now);
    }

    private TcpConnection Add(in TcpKey key, in TcpSettings settings)
    {
        var connection = new TcpConnection(this, _network, key, settings) { Index = _all.Count };
        _all.Add(connection);
        _connections.Add(key, connection);
        return connection;
    }

    private bool TryMakeRoom()
    {
        if (_all.Count == ConnectionLimit)
        {
            EndOldestTimeWait(except: null);
        }

        return _all.Count < ConnectionLimit;
    }

    private void EndOldestTimeWait(TcpConnection? except)
    {
        TcpConnection? oldest = null;
        foreach (TcpConnection connection in _all)
        {
            bool isCandidate = connection.State == TcpState.TimeWait && connection != except;
            if (isCandidate && (oldest is null || connection.NextTimer < oldest.NextTimer))
            {
                oldest = connection;
            }
        }

        oldest?.End(TcpStatus.Ok);
    }

    private TcpListenQueue? FindListener(in IpEndpoint local)
    {
        TcpListenQueue? found = null;
        foreach (TcpListenQueue listener in _listeners)
        {
            if (listener.Local.Port == local.Port)
            {
                if (listener.Local.HasAddressOf(local))
                {
                    return listener;
                }

                found = listener.Local.IsAnyAddress ? listener : found;
            }
        }

        return found;
    }

    private bool IsBound(in IpEndpoint local)
    {
        foreach (TcpSocket socket in _bound)
        {
            bool isOverlap = socket.Bound.IsAnyAddress || local.IsAnyAddress || socket.Bound.HasAddressOf(local);
            if (socket.Bound.Port == local.Port && isOverlap)
            {
                return true;
            }
        }

        return false;
    }

    private bool TryFindKey(in IpEndpoint local, in IpEndpoint remote, out TcpKey key)
    {
        key = new TcpKey(local, remote);
        if (local.Port != 0)
        {
            if (_connections.TryGetValue(key, out TcpConnection? old) && old.State == TcpState.TimeWait)
            {
                old.End(TcpStatus.Ok);
            }

            return !_connections.ContainsKey(key);
        }

        // A random start makes ports hard to guess (RFC 6056, 3.3.1).
        int start = _secret.Draw(DynamicPorts);
        for (int i = 0; i < DynamicPorts; i++)
        {
            key = new TcpKey(local with { Port = DynamicPort(start + i) }, remote);
            if (!IsBound(key.Local) && !_connections.ContainsKey(key))
            {
                return true;
            }
        }

        return false;
    }

    private static ushort DynamicPort(int index) => (ushort)(UdpPorts.FirstDynamicPort + (index % DynamicPorts));
}
