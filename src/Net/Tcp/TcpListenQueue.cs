using System;
using System.Collections.Generic;

namespace VirtioGuest.Net.Tcp;

/// <summary>A listener, with the connections that it has not handed over yet.</summary>
/// <remarks>
/// Once as many as the backlog can be accepted, no new one begins. Until then there may be more half-open ones, so that
/// clients who come together do not take each other's places; where there are too many of these, the oldest makes room,
/// so that a flood of SYNs keeps nobody out who answers quickly.
/// </remarks>
internal sealed class TcpListenQueue
{
    /// <summary>The largest backlog.</summary>
    public const int LargestBacklog = 512;

    /// <summary>How many half-open connections there may be, however small the backlog is.</summary>
    public const int FewestHalfOpen = 64;

    private readonly List<TcpConnection> _halfOpen = [];
    private readonly Queue<TcpConnection> _ready = [];
    private readonly TcpTable _table;

    public TcpListenQueue(TcpTable table, TcpSocket socket, in IpEndpoint local, int backlog)
    {
        _table = table;
        Socket = socket;
        Local = local;
        Backlog = Math.Clamp(backlog, 1, LargestBacklog);
    }

    public TcpSocket Socket { get; }

    public IpEndpoint Local { get; }

    public int Backlog { get; set; }

    public bool HasReady => _ready.Count > 0;

    /// <summary>Makes room for a half-open connection.</summary>
    /// <returns>Whether there is any.</returns>
    public bool TryMakeRoom()
    {
        if (_ready.Count >= Backlog)
        {
            return false;
        }

        if (_halfOpen.Count >= Math.Max(Backlog, FewestHalfOpen))
        {
            _halfOpen[0].End(TcpStatus.TimedOut);
        }

        return true;
    }

    public void Add(TcpConnection connection)
    {
        connection.Listener = this;
        _halfOpen.Add(connection);
    }

    /// <summary>The peer has answered: the connection can be accepted.</summary>
    public void OnEstablished(TcpConnection connection)
    {
        _halfOpen.Remove(connection);
        _ready.Enqueue(connection);
        _table.Raise(Socket, TcpReadiness.Readable);
    }

    /// <summary>A connection has ended. One that can be accepted still is: the program learns why it ended.</summary>
    public void OnGone(TcpConnection connection) => _halfOpen.Remove(connection);

    public TcpConnection? TryAccept()
    {
        if (!_ready.TryDequeue(out TcpConnection? connection))
        {
            return null;
        }

        connection.Listener = null;
        return connection;
    }

    /// <summary>Ends all connections that nobody has accepted.</summary>
    public void Close(TimeSpan now)
    {
        while (_halfOpen.Count > 0)
        {
            _halfOpen[^1].Abort(now);
        }

        while (TryAccept() is TcpConnection connection)
        {
            connection.Abort(now);
        }
    }
}
