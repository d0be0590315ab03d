using System;
using System.Diagnostics;
using System.Text;
using VirtioGuest.Commands;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Benchmarks;

/// <summary>What a load has moved since it was told to forget.</summary>
/// <param name="Bytes">How many bytes of payload.</param>
/// <param name="Lost">How many operations had no answer.</param>
/// <param name="Median">Nanoseconds that half of the answers took at most; 0 where there are none.</param>
/// <param name="Percentile99">The same of 99 of 100.</param>
internal readonly record struct NetLoadCount(ulong Bytes, ulong Lost, ulong Median, ulong Percentile99);

/// <summary>Something that keeps a network port busy, step by step.</summary>
internal abstract class NetLoad : IDisposable
{
    /// <summary>The port of the discard service (RFC 863), at which datagrams are received.</summary>
    protected const ushort DiscardPort = 9;

    private const ulong Pause = 100_000_000;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly WakeSignal _changed = new();

    protected NetLoad(NetworkPort port)
    {
        Port = port;
    }

    /// <summary>Why it cannot go on; null while it can.</summary>
    public Failure? Failure { get; protected set; }

    /// <summary>Who may interrupt it.</summary>
    public ShellContext? Shell { get; set; }

    /// <summary>What it has moved since <see cref="Forget"/>.</summary>
    public virtual NetLoadCount Count => new(Bytes, 0, 0, 0);

    protected NetworkPort Port { get; }

    protected ulong Bytes { get; set; }

    /// <summary>The peer.</summary>
    protected IPv4Address Host { get; private set; }

    /// <summary>The peer's port.</summary>
    protected ushort HostPort { get; private set; }

    /// <summary>Gets ready.</summary>
    /// <returns>Why it cannot; null where it can.</returns>
    public virtual Failure? Open(NetWorkload workload)
    {
        IPv4Configuration? configuration = Port.Stack.Configuration;
        if (configuration is null)
        {
            return new Failure("there is no address", isSentence: true);
        }

        Host = workload.Host ?? configuration.Gateway;
        HostPort = workload.Port;
        return Host.IsAny ? new Failure("there is no gateway: name a host", isSentence: true) : null;
    }

    /// <summary>Does the next burst, or a part of it; waits for a tenth of a second at most.</summary>
    /// <returns>How many operations were done.</returns>
    public abstract int Move();

    /// <summary>Waits until what was begun has been done, within bounds.</summary>
    public virtual void Finish()
    {
    }

    /// <summary>Counts from 0 on.</summary>
    public virtual void Forget() => Bytes = 0;

    /// <summary>Ends a wait, because something has changed.</summary>
    public void Wake() => _changed.Wake();

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>Waits until something changes, or for a tenth of a second.</summary>
    /// <returns>Whether something has changed.</returns>
    protected bool Wait() => _changed.Wait(Pause);

    /// <summary>Waits until something is so, for a few seconds.</summary>
    protected bool WaitUntil(Func<bool> isSo)
    {
        long start = Stopwatch.GetTimestamp();
        bool isLate = false;
        while (!isSo() && !isLate)
        {
            Wait();
            isLate = IsOver(start) || Shell is { IsInterrupted: true };
        }

        return !isLate;
    }

    /// <summary>Whether nobody waits any longer for what was due since then.</summary>
    protected static bool IsOver(long start) => Stopwatch.GetElapsedTime(start) > s_patience;

    /// <summary>What a status that is no success means.</summary>
    protected Failure? FailureOf(SendStatus status) => status switch
    {
        SendStatus.Sent or SendStatus.Queued or SendStatus.Busy => null,
        SendStatus.NoAddress => new Failure("there is no address", isSentence: true),
        SendStatus.NoRoute => new Failure($"there is no way to {Host}", isSentence: true),
        SendStatus.LinkDown => new Failure("the link is down", isSentence: true),
        SendStatus.TooLarge => new Failure("so much at a time does not fit", isSentence: true),
        _ => new Failure("nothing can be sent", isSentence: true),
    };
}

/// <summary>A load of datagrams.</summary>
internal abstract class DatagramLoad : NetLoad
{
    private UdpSocket? _socket;
    private byte[] _data = [];

    protected DatagramLoad(NetworkPort port)
        : base(port)
    {
    }

    protected UdpSocket Socket => _socket!;

    protected int Size { get; private set; }

    protected int Burst { get; private set; }

    /// <summary>The port that is opened; 0 for any.</summary>
    protected virtual ushort LocalPort => 0;

    /// <inheritdoc/>
    public override Failure? Open(NetWorkload workload)
    {
        Failure? failure = base.Open(workload);
        if (failure is not null)
        {
            return failure;
        }

        Size = workload.Size;
        Burst = workload.Burst;
        _data = new byte[Size * Burst];
        _socket = Port.Stack.OpenUdp(LocalPort);
        if (_socket is null)
        {
            return new Failure($"port {LocalPort} cannot be had", isSentence: true);
        }

        _socket.OnChange(Wake);
        return FindNeighbour();
    }

    /// <inheritdoc/>
    public override void Dispose() => _socket?.Dispose();

    /// <summary>Sends what is left of a burst.</summary>
    /// <param name="left">How many bytes; afterwards how many are left.</param>
    /// <returns>How many datagrams were sent.</returns>
    protected int Send(ref int left)
    {
        SendStatus status = Socket.Send(Host, HostPort, _data.AsSpan(0, left), Size, out int sent);
        left -= sent;
        Failure = FailureOf(status);
        if (status == SendStatus.Busy)
        {
            Wait();
        }

        return sent / Size;
    }

    /// <summary>
    /// Sends single datagrams until the first leaves, so that none pile up that wait for the neighbour's address.
    /// </summary>
    private Failure? FindNeighbour()
    {
        SendStatus status = SendStatus.Queued;
        bool isFound = WaitUntil(() =>
        {
            status = Socket.Send(Host, HostPort, _data.AsSpan(0, Size));
            return status is not (SendStatus.Queued or SendStatus.Busy);
        });
        return isFound ? FailureOf(status) : new Failure($"nobody answers for {Host}", isSentence: true);
    }
}

/// <summary>Sends datagrams, which nobody need answer.</summary>
internal sealed class DatagramsOut : DatagramLoad
{
    private int _left;

    public DatagramsOut(NetworkPort port)
        : base(port)
    {
    }

    /// <inheritdoc/>
    public override int Move()
    {
        _left = _left == 0 ? Size * Burst : _left;
        int sent = Send(ref _left);
        Bytes += (ulong)(sent * Size);
        return sent;
    }
}

/// <summary>
/// Receives datagrams from whoever sends them. The peer is asked by a datagram; it goes on for as long as it likes.
/// </summary>
internal sealed class DatagramsIn : DatagramLoad
{
    private readonly UdpDatagram[] _datagrams = new UdpDatagram[NetWorkload.MaximumBurst];
    private byte[] _buffer = [];
    private long _silentSince;

    public DatagramsIn(NetworkPort port)
        : base(port)
    {
    }

    /// <inheritdoc/>
    protected override ushort LocalPort => DiscardPort;

    /// <inheritdoc/>
    public override Failure? Open(NetWorkload workload)
    {
        _buffer = new byte[NetWorkload.LargestDatagram];
        _silentSince = Stopwatch.GetTimestamp();
        return base.Open(workload);
    }

    /// <inheritdoc/>
    public override int Move()
    {
        int taken = Socket.Take(_buffer, _datagrams.AsSpan(0, Burst));
        for (int i = 0; i < taken; i++)
        {
            Bytes += (ulong)_datagrams[i].Length;
        }

        if (taken != 0)
        {
            _silentSince = 0;
        }
        else if (!Wait())
        {
            Ask();
        }

        return taken;
    }

    private void Ask()
    {
        _silentSince = _silentSince == 0 ? Stopwatch.GetTimestamp() : _silentSince;
        int one = Size;
        Send(ref one);
        if (IsOver(_silentSince))
        {
            Failure = new Failure($"nothing arrives at port {DiscardPort}", isSentence: true);
        }
    }
}

/// <summary>Sends datagrams to an echo service (RFC 862), and waits until they are back.</summary>
internal sealed class RoundTrips : DatagramLoad
{
    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(1);

    private readonly LatencyCount _latencies = new();
    private readonly ulong _ticksPerMillisecond = TimestampCounter.Kilohertz;
    private readonly UdpDatagram[] _datagrams = new UdpDatagram[NetWorkload.MaximumBurst];
    private byte[] _buffer = [];
    private ulong _lost;
    private bool _hasLeftovers;
    private int _answers;

    public RoundTrips(NetworkPort port)
        : base(port)
    {
    }

    /// <inheritdoc/>
    public override NetLoadCount Count => new(Bytes, _lost, NanosecondsAt(0.5), NanosecondsAt(0.99));

    /// <inheritdoc/>
    public override Failure? Open(NetWorkload workload)
    {
        _buffer = new byte[NetWorkload.LargestDatagram];
        _hasLeftovers = true;
        return base.Open(workload);
    }

    /// <inheritdoc/>
    public override int Move()
    {
        // What comes late, or answers the search for the neighbour, answers nothing of this burst.
        while (_hasLeftovers && Socket.TryTake(_buffer, isPeek: false, out _))
        {
        }

        ulong begun = TimestampCounter.Read();
        ulong limit = (ulong)s_limit.TotalMilliseconds * _ticksPerMillisecond;
        ulong took = 0;
        int left = Size * Burst;
        while (left != 0 && Failure is null && took < limit)
        {
            Send(ref left);
            took = TimestampCounter.Read() - begun;
        }

        int answered = 0;
        while (answered < Burst && Failure is null && took < limit)
        {
            int taken = Socket.Take(_buffer, _datagrams.AsSpan(0, Burst - answered));
            took = TimestampCounter.Read() - begun;
            for (int i = 0; i < taken; i++)
            {
                answered++;
                _latencies.Add(took);
                Bytes += (ulong)_datagrams[i].Length;
            }

            if (taken == 0 && !Wait() && Socket.TryTakeUnreachable(out _))
            {
                Failure = new Failure($"nobody is at port {HostPort} of {Host}", isSentence: true);
            }
        }

        _hasLeftovers = answered < Burst;
        _lost += (ulong)(Burst - answered);
        _answers += answered;
        if (_answers == 0 && _lost >= NetWorkload.MaximumBurst)
        {
            Failure = new Failure($"nothing comes back from port {HostPort} of {Host}", isSentence: true);
        }

        return answered;
    }

    /// <inheritdoc/>
    public override void Forget()
    {
        base.Forget();
        _latencies.Clear();
        _lost = 0;
    }

    private ulong NanosecondsAt(double share) =>
        (ulong)((UInt128)_latencies.At(share) * NanosecondsPerMillisecond / _ticksPerMillisecond);
}

/// <summary>Sends frames for nobody, past the stack: the driver, and as little else as there can be.</summary>
internal sealed class EthernetFrames : NetLoad
{
    /// <summary>The shortest frame in bytes, without its check sequence.</summary>
    public const int Shortest = 60;

    private const int HeaderLength = 14;

    private byte[] _frame = [];
    private int _burst;
    private int _left;

    public EthernetFrames(NetworkPort port)
        : base(port)
    {
    }

    /// <inheritdoc/>
    public override Failure? Open(NetWorkload workload)
    {
        if (workload.Size > HeaderLength + Port.Link.Mtu)
        {
            return new Failure("so much at a time does not fit", isSentence: true);
        }

        // To a station that only its neighbours could have given that address, of a type for experiments (IEEE 802).
        _frame = new byte[workload.Size];
        ReadOnlySpan<byte> header = [0x02, 0, 0, 0, 0, 0x01, 0, 0, 0, 0, 0, 0, 0x88, 0xB5];
        header.CopyTo(_frame);
        Port.Link.Address.CopyTo(_frame.AsSpan(6));
        _burst = workload.Burst;
        return null;
    }

    /// <inheritdoc/>
    public override int Move()
    {
        _left = _left == 0 ? _burst : _left;
        int sent = 0;
        while (sent < _left && Port.Link.TrySend(_frame))
        {
            sent++;
        }

        Port.Link.Flush();
        _left -= sent;
        Bytes += (ulong)(sent * _frame.Length);
        if (_left != 0)
        {
            Wait();
            Failure = Port.Link.IsUp ? null : FailureOf(SendStatus.LinkDown);
        }

        return sent;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
    }
}

/// <summary>A load on a TCP connection that this host opens.</summary>
internal abstract class StreamLoad : NetLoad
{
    private readonly TcpSocket _socket;

    protected StreamLoad(NetworkPort port)
        : base(port)
    {
        _socket = port.Stack.OpenTcp();
        _socket.ReadinessChanged += _ => Wake();
    }

    protected TcpSocket Socket => _socket;

    /// <summary>Where bytes of a piece are, all of it.</summary>
    protected byte[] Piece { get; private set; } = [];

    /// <inheritdoc/>
    public override Failure? Open(NetWorkload workload)
    {
        Failure? failure = base.Open(workload);
        if (failure is not null)
        {
            return failure;
        }

        Piece = new byte[workload.Size];
        TcpStatus status = _socket.Connect(new IpEndpoint(Host, HostPort));
        bool isOpen = status == TcpStatus.Ok
            && WaitUntil(() => (_socket.Readiness & (TcpReadiness.Writable | TcpReadiness.Error)) != 0)
            && _socket.Error == TcpStatus.Ok;
        return isOpen
            ? null
            : new Failure($"port {HostPort} of {Host} cannot be connected to", isSentence: true);
    }

    /// <inheritdoc/>
    public override void Dispose() => _socket.Abort();

    /// <summary>Counts what was moved of a piece, and waits where nothing could be.</summary>
    /// <param name="status">How that ended.</param>
    /// <param name="count">How many bytes it were.</param>
    /// <returns>How many pieces are complete by that.</returns>
    protected int Take(TcpStatus status, int count)
    {
        ulong before = Bytes / (ulong)Piece.Length;
        Bytes += (ulong)count;
        if (status == TcpStatus.WouldBlock)
        {
            Wait();
        }
        else if (status != TcpStatus.Ok || count == 0)
        {
            Failure = new Failure($"{Host} has ended the connection", isSentence: true);
        }

        return (int)((Bytes / (ulong)Piece.Length) - before);
    }

    /// <inheritdoc/>
    public override void Forget() => Bytes = 0;
}

/// <summary>Sends a stream to whoever throws it away (RFC 863).</summary>
internal sealed class StreamOut : StreamLoad
{
    public StreamOut(NetworkPort port)
        : base(port)
    {
    }

    /// <inheritdoc/>
    public override int Move()
    {
        int at = (int)(Bytes % (ulong)Piece.Length);
        return Take(Socket.Send(Piece.AsSpan(at), out int count), count);
    }

    /// <inheritdoc/>
    public override void Finish() => WaitUntil(() => Socket.Unacknowledged == 0 || Socket.Error != TcpStatus.Ok);
}

/// <summary>Reads a stream from whoever sends one (RFC 864).</summary>
internal sealed class StreamIn : StreamLoad
{
    public StreamIn(NetworkPort port)
        : base(port)
    {
    }

    /// <inheritdoc/>
    public override int Move() => Take(Socket.Receive(Piece, out int count), count);
}

/// <summary>
/// Answers whoever connects to port 80 and asks, one request after the other on one connection (RFC 9112). What is
/// asked for is always there, and always the same.
/// </summary>
internal sealed class HttpAnswers : NetLoad
{
    private const ushort HttpPort = 80;
    private const int LongestRequest = 8 * 1024;

    private readonly TcpSocket _listener;
    private readonly byte[] _request = new byte[LongestRequest];
    private TcpSocket? _connection;
    private byte[] _answer = [];
    private int _length;

    public HttpAnswers(NetworkPort port)
        : base(port)
    {
        _listener = port.Stack.OpenTcp();
        _listener.ReadinessChanged += _ => Wake();
    }

    /// <inheritdoc/>
    /// <remarks>Who comes is whoever likes, so no host and no gateway is needed.</remarks>
    public override Failure? Open(NetWorkload workload)
    {
        if (Port.Stack.Configuration is null)
        {
            return new Failure("there is no address", isSentence: true);
        }

        string head = FormattableString.Invariant(
            $"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {workload.Size}\r\n\r\n");
        _answer = [.. Encoding.ASCII.GetBytes(head), .. new byte[workload.Size]];
        _answer.AsSpan(head.Length).Fill((byte)'.');
        bool isListening = _listener.Bind(new IpEndpoint(IPv4Address.Any, HttpPort)) == TcpStatus.Ok
            && _listener.Listen(1) == TcpStatus.Ok;
        if (!isListening)
        {
            return new Failure($"port {HttpPort} cannot be had", isSentence: true);
        }

        return WaitUntil(() => _listener.TryAccept(out _connection) == TcpStatus.Ok)
            ? BeginToServe()
            : new Failure($"nobody connects to port {HttpPort}", isSentence: true);
    }

    /// <inheritdoc/>
    public override int Move()
    {
        TcpStatus status = _connection!.Receive(_request.AsSpan(_length), out int count);
        if (status == TcpStatus.WouldBlock)
        {
            Wait();
            return 0;
        }

        if (status != TcpStatus.Ok || count == 0)
        {
            bool isTooLong = _length == _request.Length;
            Failure = new Failure(
                isTooLong ? "a request is too long" : "the peer has ended the connection", isSentence: true);
            return 0;
        }

        _length += count;
        int answered = 0;
        int end;
        while ((end = _request.AsSpan(0, _length).IndexOf("\r\n\r\n"u8)) >= 0 && Failure is null)
        {
            int rest = end + 4;
            _request.AsSpan(rest, _length - rest).CopyTo(_request);
            _length -= rest;
            Answer();
            answered++;
        }

        return answered;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _connection?.Abort();
        _listener.Abort();
    }

    private Failure? BeginToServe()
    {
        _connection!.ReadinessChanged += _ => Wake();
        return null;
    }

    private void Answer()
    {
        int sent = 0;
        while (sent < _answer.Length && Failure is null)
        {
            TcpStatus status = _connection!.Send(_answer.AsSpan(sent), out int count);
            sent += count;
            if (status == TcpStatus.WouldBlock && Shell is not { IsInterrupted: true })
            {
                Wait();
            }
            else if (status != TcpStatus.Ok)
            {
                Failure = new Failure("the peer has ended the connection", isSentence: true);
            }
        }

        Bytes += (ulong)_answer.Length;
    }
}
