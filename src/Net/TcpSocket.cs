using System;
using VirtioGuest.Net.Tcp;

namespace VirtioGuest.Net;

/// <summary>A TCP connection or listener (RFC 9293). No call waits. Threads may share it.</summary>
/// <remarks>
/// A call that cannot do its work yet says <see cref="TcpStatus.WouldBlock"/>; <see cref="ReadinessChanged"/> tells
/// when to try again.
/// </remarks>
public sealed class TcpSocket : IDisposable
{
    private readonly NetworkStack _stack;
    private TcpConnection? _connection;
    private TcpListenQueue? _listener;
    private TcpSettings _settings = TcpSettings.Default;
    private bool _isBound;
    private bool _isClosed;

    internal TcpSocket(NetworkStack stack)
    {
        _stack = stack;
    }

    /// <summary>
    /// Raised when something can be done that could not before: with what has changed, which need not still be so.
    /// </summary>
    /// <remarks>
    /// Raised without a lock, on whatever thread has entered the stack; it must not wait. Two threads may raise it at
    /// the same time.
    /// </remarks>
    public event Action<TcpReadiness>? ReadinessChanged;

    /// <summary>Our end; parts that are not known yet are left open.</summary>
    public IpEndpoint Local
    {
        get
        {
            using NetworkStack.Turn turn = _stack.Enter();
            return _connection?.Key.Local ?? Bound;
        }
    }

    /// <summary>The peer's end; left open where there is none.</summary>
    public IpEndpoint Remote
    {
        get
        {
            using NetworkStack.Turn turn = _stack.Enter();
            return _connection?.Key.Remote ?? default;
        }
    }

    /// <summary>The state of the connection (RFC 9293, 3.3.2).</summary>
    public TcpState State
    {
        get
        {
            using NetworkStack.Turn turn = _stack.Enter();
            return _listener is not null ? TcpState.Listen : _connection?.State ?? TcpState.Closed;
        }
    }

    /// <summary>What can be done at the moment.</summary>
    public TcpReadiness Readiness
    {
        get
        {
            using NetworkStack.Turn turn = _stack.Enter();
            return _listener is not null
                ? _listener.HasReady ? TcpReadiness.Readable : 0
                : _connection?.Readiness ?? TcpReadiness.Closed;
        }
    }

    /// <summary>Why the connection ended or could not be opened; Ok where neither is so.</summary>
    public TcpStatus Error
    {
        get
        {
            using NetworkStack.Turn turn = _stack.Enter();
            return _connection?.Error ?? TcpStatus.Ok;
        }
    }

    /// <summary>How many bytes can be read.</summary>
    public int Available
    {
        get
        {
            using NetworkStack.Turn turn = _stack.Enter();
            return _connection?.Available ?? 0;
        }
    }

    /// <summary>How many bytes have been written that the peer has not acknowledged.</summary>
    public int Unacknowledged
    {
        get
        {
            using NetworkStack.Turn turn = _stack.Enter();
            return _connection?.Queued ?? 0;
        }
    }

    /// <summary>
    /// The options. Those of a listener go to its connections; the buffers' sizes count until the connection is opened.
    /// </summary>
    public TcpSettings Settings
    {
        get
        {
            using NetworkStack.Turn turn = _stack.Enter();
            return _connection?.Settings ?? _settings;
        }

        set
        {
            using NetworkStack.Turn turn = _stack.Enter();
            _settings = value;
            if (_connection is not null)
            {
                _connection.Settings = value;
                _connection.ArmKeepAlive(turn.Now);
            }
        }
    }

    /// <summary>The options as connections of a listener get them; under the stack's lock.</summary>
    internal TcpSettings StoredSettings => _settings;

    /// <summary>The end that it is bound to.</summary>
    internal IpEndpoint Bound { get; set; }

    // What TcpTable keeps about events that were not raised yet.
    internal TcpReadiness Raised { get; set; }

    internal TcpSocket? NextRaised { get; set; }

    /// <summary>Takes a port, and perhaps one of our addresses.</summary>
    /// <param name="local">The address or <see cref="IPv4Address.Any"/>, the port or 0 for any that is free.</param>
    public TcpStatus Bind(IpEndpoint local)
    {
        using NetworkStack.Turn turn = _stack.Enter();
        return BindHere(local);
    }

    /// <summary>Waits for connections from now on, on the port that it is bound to.</summary>
    /// <param name="backlog">How many may wait to be accepted, 1 to 512; other numbers are cut to that.</param>
    public TcpStatus Listen(int backlog)
    {
        using NetworkStack.Turn turn = _stack.Enter();
        if (_isClosed || _connection is not null)
        {
            return _isClosed ? TcpStatus.Closed : TcpStatus.AlreadyConnected;
        }

        if (_listener is not null)
        {
            _listener.Backlog = Math.Clamp(backlog, 1, TcpListenQueue.LargestBacklog);
            return TcpStatus.Ok;
        }

        TcpStatus status = _isBound ? TcpStatus.Ok : BindHere(default);
        if (status == TcpStatus.Ok)
        {
            _listener = turn.Tcp.Listen(this, backlog);
        }

        return status;
    }

    /// <summary>Takes a connection that a peer has opened.</summary>
    public TcpStatus TryAccept(out TcpSocket? accepted)
    {
        using NetworkStack.Turn turn = _stack.Enter();
        accepted = null;
        if (_listener is null)
        {
            return _isClosed ? TcpStatus.Closed : TcpStatus.NotConnected;
        }

        TcpConnection? connection = _listener.TryAccept();
        if (connection is null)
        {
            return TcpStatus.WouldBlock;
        }

        accepted = new TcpSocket(_stack) { _connection = connection, _settings = connection.Settings };
        connection.Socket = accepted;
        return TcpStatus.Ok;
    }

    /// <summary>
    /// Begins to open a connection. <see cref="TcpReadiness.Writable"/> tells that it is open,
    /// <see cref="TcpReadiness.Error"/> that it could not be.
    /// </summary>
    public TcpStatus Connect(IpEndpoint remote)
    {
        using NetworkStack.Turn turn = _stack.Enter();
        if (_isClosed)
        {
            return TcpStatus.Closed;
        }

        // An attempt that has failed may be followed by another.
        bool isFree = _connection is null || (_connection.State == TcpState.Closed && _connection.Available == 0);
        if (_listener is not null || !isFree)
        {
            return TcpStatus.AlreadyConnected;
        }

        TcpStatus status = turn.Tcp.Connect(Bound, remote, _settings, turn.Now, out TcpConnection? connection);
        if (status == TcpStatus.Ok)
        {
            _connection = connection;
            connection!.Socket = this;
        }

        return status;
    }

    /// <summary>Sends bytes, or takes a copy of them to send soon.</summary>
    /// <param name="data">What to send.</param>
    /// <param name="count">How many bytes were taken, from the first on.</param>
    public TcpStatus Send(ReadOnlySpan<byte> data, out int count)
    {
        using NetworkStack.Turn turn = _stack.Enter();
        count = 0;
        return _connection?.Send(data, out count, turn.Now) ?? NotConnected;
    }

    /// <summary>Reads bytes that have arrived.</summary>
    /// <param name="buffer">Receives as many as there are and fit.</param>
    /// <param name="count">
    /// How many. None with <see cref="TcpStatus.Ok"/>, and room in the buffer, is the end of the stream.
    /// </param>
    /// <param name="isPeek">Whether they can be read again.</param>
    public TcpStatus Receive(Span<byte> buffer, out int count, bool isPeek = false)
    {
        using NetworkStack.Turn turn = _stack.Enter();
        count = 0;
        return _connection?.Receive(buffer, isPeek, out count, turn.Now) ?? NotConnected;
    }

    /// <summary>Ends our side of the stream; the peer's goes on.</summary>
    public TcpStatus ShutdownSend()
    {
        using NetworkStack.Turn turn = _stack.Enter();
        return _connection?.Shutdown(turn.Now) ?? NotConnected;
    }

    /// <summary>Ends the connection at once; the peer sees a reset.</summary>
    public void Abort()
    {
        using NetworkStack.Turn turn = _stack.Enter();
        _connection?.Abort(turn.Now);
        CloseHere(turn);
    }

    /// <summary>
    /// Closes it; what was sent is still delivered, within the time of <see cref="TcpSettings.Linger"/>.
    /// </summary>
    public void Dispose()
    {
        using NetworkStack.Turn turn = _stack.Enter();
        CloseHere(turn);
    }

    internal void RaiseReadiness(TcpReadiness readiness) => ReadinessChanged?.Invoke(readiness);

    private TcpStatus NotConnected => _isClosed ? TcpStatus.Closed : TcpStatus.NotConnected;

    private TcpStatus BindHere(IpEndpoint local)
    {
        if (_isClosed || _isBound || _connection is not null)
        {
            return _isClosed ? TcpStatus.Closed : TcpStatus.AlreadyConnected;
        }

        TcpStatus status = _stack.Tcp.Bind(this, local);
        _isBound = status == TcpStatus.Ok;
        return status;
    }

    private void CloseHere(in NetworkStack.Turn turn)
    {
        if (_isClosed)
        {
            return;
        }

        _isClosed = true;
        if (_listener is not null)
        {
            turn.Tcp.Close(_listener, turn.Now);
            _listener = null;
        }

        if (_isBound)
        {
            turn.Tcp.Unbind(this);
        }

        _connection?.Close(turn.Now);
        _connection = null;
    }
}

/// <summary>How a call of a <see cref="TcpSocket"/> ended, or why its connection did.</summary>
public enum TcpStatus
{
    /// <summary>It was done.</summary>
    Ok,

    /// <summary>It cannot be done yet.</summary>
    WouldBlock,

    /// <summary>The peer's host has nobody at that port.</summary>
    Refused,

    /// <summary>The peer has ended the connection at once.</summary>
    Reset,

    /// <summary>The peer does not answer.</summary>
    TimedOut,

    /// <summary>There is no way to the peer, or no longer one from our address.</summary>
    Unreachable,

    /// <summary>Another socket has the port.</summary>
    AddressInUse,

    /// <summary>The address is not ours.</summary>
    AddressNotAvailable,

    /// <summary>The socket is bound, listens or has a connection already.</summary>
    AlreadyConnected,

    /// <summary>The socket has no connection, or does not listen.</summary>
    NotConnected,

    /// <summary>There are too many connections or bound sockets.</summary>
    NoRoom,

    /// <summary>The socket, or its side of the stream, has been closed.</summary>
    Closed,
}

/// <summary>What can be done with a <see cref="TcpSocket"/>.</summary>
[Flags]
public enum TcpReadiness
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Something can be read or accepted, or reading tells why nothing can.</summary>
    Readable = 1,

    /// <summary>The connection is open and there is room to send, or sending tells why it is not.</summary>
    Writable = 2,

    /// <summary>The peer has ended its side of the stream.</summary>
    ReadClosed = 4,

    /// <summary>The connection is over.</summary>
    Closed = 8,

    /// <summary>
    /// The connection ended, or was not opened, for the reason that <see cref="TcpSocket.Error"/> tells.
    /// </summary>
    Error = 16,
}

/// <summary>The states of a connection (RFC 9293, 3.3.2).</summary>
public enum TcpState
{
    /// <summary>There is no connection.</summary>
    Closed,

    /// <summary>Waiting for connections.</summary>
    Listen,

    /// <summary>A SYN was sent.</summary>
    SynSent,

    /// <summary>SYNs were sent and received.</summary>
    SynReceived,

    /// <summary>The connection is open.</summary>
    Established,

    /// <summary>We have closed our side.</summary>
    FinWait1,

    /// <summary>The peer knows that, and goes on sending.</summary>
    FinWait2,

    /// <summary>The peer has closed its side.</summary>
    CloseWait,

    /// <summary>Both have closed their sides at the same time; the peer does not know that yet.</summary>
    Closing,

    /// <summary>The peer has closed its side, then we ours; the peer does not know that yet.</summary>
    LastAck,

    /// <summary>Both sides are closed; waiting until no segment can be left in the network.</summary>
    TimeWait,
}

/// <summary>The options of a <see cref="TcpSocket"/>.</summary>
public readonly record struct TcpSettings
{
    /// <summary>The size of either buffer in bytes where nothing else is said.</summary>
    public const int DefaultBuffer = 128 * 1024;

    /// <summary>The options of a new socket.</summary>
    public static TcpSettings Default { get; } = new()
    {
        SendBuffer = DefaultBuffer,
        ReceiveBuffer = DefaultBuffer,
        KeepAliveTime = TimeSpan.FromHours(2),
        KeepAliveInterval = TimeSpan.FromSeconds(75),
        KeepAliveRetries = 9,
    };

    /// <summary>Whether small amounts are sent at once, and do not wait for acknowledgments (RFC 896).</summary>
    public bool NoDelay { get; init; }

    /// <summary>How many bytes may wait for acknowledgment; 4 KiB to 4 MiB, rounded up to a power of two.</summary>
    public int SendBuffer { get; init; }

    /// <summary>How many bytes may wait to be read; 4 KiB to 4 MiB, rounded up to a power of two.</summary>
    public int ReceiveBuffer { get; init; }

    /// <summary>
    /// How long a closed socket goes on delivering: null until it is done, zero not at all; then the peer sees a reset.
    /// </summary>
    public TimeSpan? Linger { get; init; }

    /// <summary>Whether a silent peer is asked whether it is still there (RFC 9293, 3.8.4).</summary>
    public bool KeepAlive { get; init; }

    /// <summary>How long a peer may be silent before that.</summary>
    public TimeSpan KeepAliveTime { get; init; }

    /// <summary>How long to wait for an answer.</summary>
    public TimeSpan KeepAliveInterval { get; init; }

    /// <summary>How many times to ask.</summary>
    public int KeepAliveRetries { get; init; }
}
