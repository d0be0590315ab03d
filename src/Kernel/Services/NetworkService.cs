using System;
using System.Net;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

namespace VirtioGuest.Kernel.Services;

/// <summary>Something that the guest serves on a port until it is stopped.</summary>
internal abstract class NetworkService : IDisposable
{
    // Never disposed of: what was begun may still look at it.
    private readonly CancellationTokenSource _stop = new();
    private long _served;

    protected NetworkService(string name, IPEndPoint local)
    {
        Name = name;
        Local = local;
    }

    /// <summary>What it is called: the verb that starts it.</summary>
    public string Name { get; }

    /// <summary>Where it serves.</summary>
    public IPEndPoint Local { get; }

    /// <summary>How much it has served so far, in what <see cref="Unit"/> says.</summary>
    public long Served => Interlocked.Read(ref _served);

    /// <summary>What is counted.</summary>
    public abstract string Unit { get; }

    protected CancellationToken Stopping => _stop.Token;

    /// <summary>Begins.</summary>
    /// <exception cref="SocketException">The port cannot be had.</exception>
    public abstract void Start();

    /// <summary>Ends it, and the connections that it has.</summary>
    public virtual void Dispose() => _stop.Cancel();

    protected void Count(long served) => Interlocked.Add(ref _served, served);

    /// <summary>A peer that goes away ends what was done for it, and nothing else.</summary>
    protected static bool IsPeersDoing(Exception e) =>
        e is SocketException or OperationCanceledException or ObjectDisposedException;
}

/// <summary>A service of connections.</summary>
internal abstract class StreamService : NetworkService
{
    private const int Backlog = 256;

    private readonly Socket _listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);

    protected StreamService(string name, IPEndPoint local)
        : base(name, local)
    {
    }

    /// <inheritdoc/>
    public override void Start()
    {
        _listener.Bind(Local);
        _listener.Listen(Backlog);
        _ = AcceptAsync();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _listener.Dispose();
    }

    /// <summary>Serves a connection until one side ends it; what the peer causes may be thrown.</summary>
    protected abstract Task ServeAsync(Socket connection);

    protected async Task SendAsync(Socket connection, ReadOnlyMemory<byte> data)
    {
        while (!data.IsEmpty)
        {
            data = data[await connection.SendAsync(data, Stopping)..];
        }
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = ServeAndCloseAsync(await _listener.AcceptAsync(Stopping));
            }
        }
        catch (Exception e) when (IsPeersDoing(e))
        {
            // Stopped.
        }
    }

    private async Task ServeAndCloseAsync(Socket connection)
    {
        using (connection)
        {
            try
            {
                await ServeAsync(connection);
            }
            catch (Exception e) when (IsPeersDoing(e))
            {
                // The peer's connection ends; the others go on.
            }
        }
    }
}

/// <summary><c>tcp-echo</c> (RFC 862): sends back what comes.</summary>
internal sealed class TcpEcho : StreamService
{
    private const int BufferLength = 16 * 1024;

    public TcpEcho(IPEndPoint local)
        : base("tcp-echo", local)
    {
    }

    /// <inheritdoc/>
    public override string Unit => "bytes";

    /// <inheritdoc/>
    protected override async Task ServeAsync(Socket connection)
    {
        byte[] buffer = new byte[BufferLength];
        int count;
        while ((count = await connection.ReceiveAsync(buffer, Stopping)) > 0)
        {
            await SendAsync(connection, buffer.AsMemory(0, count));
            Count(count);
        }

        connection.Shutdown(SocketShutdown.Send);
    }
}

/// <summary><c>udp-echo</c> (RFC 862): sends back what comes.</summary>
internal sealed class UdpEcho : NetworkService
{
    private const int LargestDatagram = 65507;

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

    public UdpEcho(IPEndPoint local)
        : base("udp-echo", local)
    {
    }

    /// <inheritdoc/>
    public override string Unit => "datagrams";

    /// <inheritdoc/>
    public override void Start()
    {
        _socket.Bind(Local);
        _ = EchoAsync();
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        base.Dispose();
        _socket.Dispose();
    }

    private async Task EchoAsync()
    {
        byte[] buffer = new byte[LargestDatagram];
        var sender = new SocketAddress(AddressFamily.InterNetwork);
        while (!Stopping.IsCancellationRequested)
        {
            try
            {
                int count = await _socket.ReceiveFromAsync(buffer, SocketFlags.None, sender, Stopping);
                await _socket.SendToAsync(buffer.AsMemory(0, count), SocketFlags.None, sender, Stopping);
                Count(1);
            }
            catch (Exception e) when (IsPeersDoing(e))
            {
                // Stopped; or this one could not be sent, and the next perhaps can.
            }
        }
    }
}
