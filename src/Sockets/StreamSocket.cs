using System;
using System.Diagnostics;
using VirtioGuest.Net;

namespace VirtioGuest.Sockets;

/// <summary>A socket of TCP.</summary>
/// <remarks>
/// It holds a port on every link until it is connected, which leaves the one to the peer; a listener keeps all.
/// </remarks>
internal sealed class StreamSocket : GuestSocket
{
    private readonly Action<TcpReadiness> _onReadiness;
    // Replaced as a whole, so that whoever is told of a change can look at it without the lock.
    private volatile TcpSocket[] _held = [];
    private volatile TcpSocket? _connection;
    private TcpSettings _settings = TcpSettings.Default;
    private IpEndpoint _bound;
    private bool _isBound;
    private bool _isListening;
    private int _backlog;
    private int _nextListener;
    private bool _isReceiveShut;
    private bool _isListenShut;
    private bool _isErrorTaken;
    private bool _isAborted;
    private bool _isClosed;

    public StreamSocket(SocketSystem system)
        : base(system)
    {
        _onReadiness = _ => Changed();
    }

    private StreamSocket(SocketSystem system, TcpSocket connection)
        : this(system)
    {
        _connection = connection;
        _settings = connection.Settings;
        connection.ReadinessChanged += _onReadiness;
    }

    public override bool IsStream => true;

    public override bool IsListening => _isListening;

    public override IpEndpoint Local => _connection?.Local ?? _bound;

    public override IpEndpoint? Remote =>
        _connection is { State: not TcpState.SynSent } connection && connection.Remote.Port != 0
            ? connection.Remote
            : null;

    public override int Available => _connection?.Available ?? 0;

    public override PollEvents Readiness
    {
        get
        {
            if (_isListening)
            {
                return _isListenShut || AnyReadable() ? PollEvents.In : 0;
            }

            if (_connection is not TcpSocket connection)
            {
                return PollEvents.Out | PollEvents.HangUp;
            }

            TcpReadiness readiness = connection.Readiness;
            return ((readiness & (TcpReadiness.Readable | TcpReadiness.ReadClosed)) != 0 || _isReceiveShut
                    ? PollEvents.In
                    : 0)
                | ((readiness & TcpReadiness.Writable) != 0 ? PollEvents.Out : 0)
                | ((readiness & TcpReadiness.Closed) != 0 ? PollEvents.HangUp | PollEvents.In | PollEvents.Out : 0)
                | ((readiness & TcpReadiness.Error) != 0 && !_isErrorTaken ? PollEvents.Error : 0);
        }
    }

    public override TimeSpan? Linger
    {
        get => _settings.Linger;
        set => Change(_settings with { Linger = value });
    }

    public override SocketError Bind(IpEndpoint local)
    {
        lock (Gate)
        {
            if (_isBound || _connection is not null || _isClosed)
            {
                return SocketError.InvalidArgument;
            }

            return BindHere(local);
        }
    }

    public override SocketError Listen(int backlog)
    {
        lock (Gate)
        {
            if (_connection is not null || _isClosed)
            {
                return SocketError.InvalidArgument;
            }

            SocketError error = _isBound ? SocketError.None : BindHere(default);
            _backlog = backlog;
            foreach (TcpSocket held in _held)
            {
                error = error == SocketError.None ? ToError(held.Listen(backlog)) : error;
            }

            _isListening = error == SocketError.None;
            return error;
        }
    }

    public override SocketError Accept(out GuestSocket? accepted)
    {
        accepted = null;
        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            long seen = Changes;
            lock (Gate)
            {
                if (!_isListening || _isListenShut || _isClosed)
                {
                    return SocketError.InvalidArgument;
                }

                // In turns, so that one busy link does not hide the others.
                for (int i = 0; i < _held.Length; i++)
                {
                    TcpSocket listener = _held[_nextListener++ % _held.Length];
                    if (listener.TryAccept(out TcpSocket? connection) == TcpStatus.Ok)
                    {
                        accepted = new StreamSocket(System, connection!);
                        return SocketError.None;
                    }
                }
            }

            if (!IsBlocking || !WaitForChange(seen, start, ReceiveTimeout))
            {
                return SocketError.WouldBlock;
            }
        }
    }

    public override SocketError Connect(IpEndpoint remote)
    {
        TcpSocket connection;
        lock (Gate)
        {
            if (_isClosed || _isListening)
            {
                return SocketError.InvalidArgument;
            }

            if (_connection is not null)
            {
                return _connection.State == TcpState.SynSent
                    ? SocketError.AlreadyInProgress
                    : SocketError.IsConnected;
            }

            SocketError error = Begin(remote, out connection!);
            if (error != SocketError.None)
            {
                return error;
            }
        }

        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            long seen = Changes;
            TcpReadiness readiness = connection.Readiness;
            if ((readiness & (TcpReadiness.Error | TcpReadiness.Closed)) != 0)
            {
                // A failure that comes at once is told at once, to those that do not wait as well.
                return TakeError() is SocketError reason and not SocketError.None
                    ? reason
                    : SocketError.ConnectionAborted;
            }

            if ((readiness & TcpReadiness.Writable) != 0)
            {
                return SocketError.None;
            }

            if (!IsBlocking || !WaitForChange(seen, start, SendTimeout))
            {
                return SocketError.InProgress;
            }
        }
    }

    public override SocketError Disconnect()
    {
        TcpSocket? connection;
        lock (Gate)
        {
            connection = _connection;
            _isAborted = true;
            _isListenShut |= _isListening;
        }

        connection?.Abort();
        Changed();
        return SocketError.None;
    }

    public override SocketError Send(
        ReadOnlySpan<byte> data, IpEndpoint? destination, MessageFlags flags, out int count)
    {
        count = 0;
        if ((flags & MessageFlags.OutOfBand) != 0)
        {
            return SocketError.NotSupported;
        }

        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            long seen = Changes;
            TcpSocket? connection = _connection;
            if (connection is null || _isAborted)
            {
                return _isAborted ? SocketError.ConnectionAborted : SocketError.Pipe;
            }

            TcpStatus status = connection.Send(data[count..], out int taken);
            count += taken;
            if (status is not (TcpStatus.Ok or TcpStatus.WouldBlock))
            {
                return count > 0 ? SocketError.None : SendEnd(status);
            }

            // A call that waits takes everything, as other systems have it.
            if (count == data.Length || (!IsBlocking && count > 0))
            {
                return SocketError.None;
            }

            if (!IsBlocking || !WaitForChange(seen, start, SendTimeout))
            {
                return count > 0 ? SocketError.None : SocketError.WouldBlock;
            }
        }
    }

    public override SocketError Receive(Span<byte> buffer, MessageFlags flags, out ReceivedMessage message)
    {
        message = default;
        if ((flags & MessageFlags.OutOfBand) != 0)
        {
            return SocketError.InvalidArgument;
        }

        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            long seen = Changes;
            TcpSocket? connection = _connection;
            if (connection is null || _isAborted)
            {
                return _isAborted ? SocketError.ConnectionAborted : SocketError.NotConnected;
            }

            TcpStatus status = connection.Receive(buffer, out int count, (flags & MessageFlags.Peek) != 0);
            if (status == TcpStatus.Ok || (status == TcpStatus.WouldBlock && _isReceiveShut))
            {
                message = new ReceivedMessage(count, connection.Remote, connection.Local.IPv4, 0, false);
                return SocketError.None;
            }

            if (status != TcpStatus.WouldBlock)
            {
                return ReceiveEnd(status);
            }

            if (!IsBlocking || !WaitForChange(seen, start, ReceiveTimeout))
            {
                return SocketError.WouldBlock;
            }
        }
    }

    public override SocketError Shutdown(bool receive, bool send)
    {
        TcpSocket? connection;
        lock (Gate)
        {
            connection = _connection;
            if (_isListening && receive)
            {
                _isListenShut = true;
            }
            else if (connection is null)
            {
                return SocketError.NotConnected;
            }

            _isReceiveShut |= receive;
        }

        TcpStatus status = send && connection is not null ? connection.ShutdownSend() : TcpStatus.Ok;
        Changed();
        return status is TcpStatus.Ok or TcpStatus.Closed ? SocketError.None : SocketError.NotConnected;
    }

    public override SocketError TakeError()
    {
        lock (Gate)
        {
            TcpStatus status = _connection?.Error ?? TcpStatus.Ok;
            if (status == TcpStatus.Ok || _isErrorTaken)
            {
                return SocketError.None;
            }

            _isErrorTaken = true;
            return ToError(status);
        }
    }

    public override SocketError GetOption(SocketOption option, out int value)
    {
        TcpSettings settings = _settings;
        int? known = option switch
        {
            SocketOption.ReceiveBuffer => settings.ReceiveBuffer,
            SocketOption.SendBuffer => settings.SendBuffer,
            SocketOption.KeepAlive => settings.KeepAlive ? 1 : 0,
            SocketOption.KeepAliveTime => (int)settings.KeepAliveTime.TotalSeconds,
            SocketOption.KeepAliveInterval => (int)settings.KeepAliveInterval.TotalSeconds,
            SocketOption.KeepAliveRetries => settings.KeepAliveRetries,
            SocketOption.NoDelay => settings.NoDelay ? 1 : 0,
            SocketOption.ReuseAddress => 0,
            _ => null,
        };
        value = known ?? 0;
        return known is null ? SocketError.NoSuchOption : SocketError.None;
    }

    public override SocketError SetOption(SocketOption option, int value)
    {
        const int SmallestBuffer = 4 * 1024;
        const int LargestBuffer = 4 * 1024 * 1024;
        const int LongestSeconds = 32767;
        const int MostRetries = 127;
        bool isCount = option is SocketOption.KeepAliveTime or SocketOption.KeepAliveInterval
            or SocketOption.KeepAliveRetries;
        int most = option == SocketOption.KeepAliveRetries ? MostRetries : LongestSeconds;
        if (isCount && (value < 1 || value > most))
        {
            return SocketError.InvalidArgument;
        }

        lock (Gate)
        {
            int buffer = Math.Clamp(value, SmallestBuffer, LargestBuffer);
            TcpSettings? settings = option switch
            {
                SocketOption.ReceiveBuffer => _settings with { ReceiveBuffer = buffer },
                SocketOption.SendBuffer => _settings with { SendBuffer = buffer },
                SocketOption.KeepAlive => _settings with { KeepAlive = value != 0 },
                SocketOption.KeepAliveTime => _settings with { KeepAliveTime = TimeSpan.FromSeconds(value) },
                SocketOption.KeepAliveInterval => _settings with { KeepAliveInterval = TimeSpan.FromSeconds(value) },
                SocketOption.KeepAliveRetries => _settings with { KeepAliveRetries = value },
                SocketOption.NoDelay => _settings with { NoDelay = value != 0 },
                SocketOption.ReuseAddress => _settings,
                _ => null,
            };
            if (settings is null)
            {
                return SocketError.NoSuchOption;
            }

            Change(settings.Value);
            return SocketError.None;
        }
    }

    internal override void AddLink(NetworkStack stack)
    {
        lock (Gate)
        {
            if (!_isBound || _isClosed || _connection is not null || !_bound.IsAnyAddress)
            {
                return;
            }

            TcpSocket held = NewSocket(stack);
            bool isBound = held.Bind(_bound) == TcpStatus.Ok
                && (!_isListening || held.Listen(_backlog) == TcpStatus.Ok);
            if (isBound)
            {
                _held = [.. _held, held];
            }
            else
            {
                held.Dispose();
            }
        }

        Changed();
    }

    private protected override void CloseCore()
    {
        lock (Gate)
        {
            _isClosed = true;
            _connection?.Dispose();
            ReleaseHeld();
        }
    }

    private static SocketError ToError(TcpStatus status) => status switch
    {
        TcpStatus.Ok => SocketError.None,
        TcpStatus.WouldBlock => SocketError.WouldBlock,
        TcpStatus.Refused => SocketError.ConnectionRefused,
        TcpStatus.Reset => SocketError.ConnectionReset,
        TcpStatus.TimedOut => SocketError.TimedOut,
        TcpStatus.Unreachable => SocketError.HostUnreachable,
        TcpStatus.AddressInUse => SocketError.AddressInUse,
        TcpStatus.AddressNotAvailable => SocketError.AddressNotAvailable,
        TcpStatus.AlreadyConnected => SocketError.IsConnected,
        TcpStatus.NotConnected => SocketError.NotConnected,
        TcpStatus.NoRoom => SocketError.NoBuffers,
        _ => SocketError.InvalidArgument,
    };

    /// <summary>An error ends the stream once; whoever asks again sees its end.</summary>
    private SocketError ReceiveEnd(TcpStatus status)
    {
        if (status is TcpStatus.Closed or TcpStatus.NotConnected)
        {
            return SocketError.NotConnected;
        }

        return TakeErrorOnce(status, SocketError.None);
    }

    private SocketError SendEnd(TcpStatus status) => status is TcpStatus.Closed or TcpStatus.NotConnected
        ? SocketError.Pipe
        : TakeErrorOnce(status, SocketError.Pipe);

    private SocketError TakeErrorOnce(TcpStatus status, SocketError afterwards)
    {
        lock (Gate)
        {
            bool isTaken = _isErrorTaken;
            _isErrorTaken = true;
            return isTaken ? afterwards : ToError(status);
        }
    }

    private SocketError Begin(IpEndpoint remote, out TcpSocket? connection)
    {
        connection = null;
        if (remote.Port == 0)
        {
            return SocketError.AddressNotAvailable;
        }

        IpEndpoint peer = PeerOf(remote);
        SocketSystem.Link? link = System.RouteTo(peer.IPv4);
        if (link is null)
        {
            return SocketError.NetworkUnreachable;
        }

        TcpSocket socket = NewSocket(link.Stack);
        TcpStatus status = TcpStatus.Ok;
        if (_isBound)
        {
            ReleaseHeld();
            status = socket.Bind(_bound);
        }

        status = status == TcpStatus.Ok ? socket.Connect(peer) : status;
        if (status != TcpStatus.Ok)
        {
            socket.Dispose();
            return ToError(status);
        }

        _connection = connection = socket;
        return SocketError.None;
    }

    private SocketError BindHere(IpEndpoint local)
    {
        SocketError error = HoldPort(ref local);
        if (error == SocketError.None)
        {
            _bound = local;
            _isBound = true;
        }

        return error;
    }

    private TcpSocket NewSocket(NetworkStack stack)
    {
        TcpSocket socket = stack.OpenTcp();
        socket.Settings = _settings;
        socket.ReadinessChanged += _onReadiness;
        return socket;
    }

    private protected override SocketError Hold(SocketSystem.Link link, IpEndpoint local, out ushort port)
    {
        TcpSocket socket = NewSocket(link.Stack);
        _held = [.. _held, socket];
        SocketError error = ToError(socket.Bind(local));
        port = socket.Local.Port;
        return error;
    }

    private protected override void ReleaseHeld()
    {
        TcpSocket[] held = _held;
        _held = [];
        Array.ForEach(held, socket => socket.Dispose());
    }

    private void Change(TcpSettings settings)
    {
        _settings = settings;
        if (_connection is not null)
        {
            _connection.Settings = settings;
        }

        foreach (TcpSocket held in _held)
        {
            held.Settings = settings;
        }
    }

    private bool AnyReadable()
    {
        foreach (TcpSocket held in _held)
        {
            if ((held.Readiness & TcpReadiness.Readable) != 0)
            {
                return true;
            }
        }

        return false;
    }
}
