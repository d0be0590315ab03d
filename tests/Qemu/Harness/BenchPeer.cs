using System;
using System.Collections.Generic;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Threading;
using System.Threading.Tasks;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// Servers on the host for a guest's <c>net N bench</c>, which reaches them at QEMU's gateway: datagrams that come back
/// (RFC 862), a number of them for each that asks (in the manner of RFC 864), a stream that is thrown away (RFC 863),
/// and one without end.
/// </summary>
public sealed class BenchPeer : IDisposable
{
    private const int Answers = 32;
    private const int BufferLength = 64 * 1024;

    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(50);

    private readonly List<Socket> _sockets = [];
    private volatile bool _isDisposed;

    /// <summary>Serves from now on.</summary>
    public BenchPeer()
    {
        Echo = ServeDatagrams(answers: 1);
        Datagrams = ServeDatagrams(Answers);
        Discard = ServeStreams(connection => connection.Receive(new byte[BufferLength]));
        Generator = ServeStreams(connection => connection.Send(new byte[BufferLength]));
    }

    /// <summary>How many characters the longest answer had that came by HTTP.</summary>
    public int LongestAnswer { get; private set; }

    /// <summary>The UDP port from which each datagram comes back.</summary>
    public int Echo { get; }

    /// <summary>The UDP port from which several come back.</summary>
    public int Datagrams { get; }

    /// <summary>The TCP port that discards.</summary>
    public int Discard { get; }

    /// <summary>The TCP port that sends without end.</summary>
    public int Generator { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        _isDisposed = true;
        _sockets.ForEach(socket => socket.Dispose());
    }

    /// <summary>
    /// Asks by HTTP at a port of this host, one request after the other on one connection, as soon as somebody answers
    /// there.
    /// </summary>
    public void AskByHttp(int port) => Begin(() =>
    {
        using var client = new HttpClient { Timeout = s_patience };
        while (!_isDisposed)
        {
            try
            {
                string text = client.GetStringAsync(new Uri($"http://127.0.0.1:{port}/")).Result;
                LongestAnswer = Math.Max(LongestAnswer, text.Length);
            }
            catch (AggregateException e) when (e.InnerException is HttpRequestException or TaskCanceledException)
            {
                // The guest does not listen yet, or any more.
                Thread.Sleep(s_pause);
            }
        }
    });

    private int ServeDatagrams(int answers)
    {
        Socket socket = Open(SocketType.Dgram, ProtocolType.Udp);
        Begin(() =>
        {
            byte[] buffer = new byte[BufferLength];
            EndPoint sender = new IPEndPoint(IPAddress.Any, 0);
            while (true)
            {
                int length = socket.ReceiveFrom(buffer, ref sender);
                for (int i = 0; i < answers; i++)
                {
                    socket.SendTo(buffer.AsSpan(0, length), SocketFlags.None, sender);
                }
            }
        });
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private int ServeStreams(Func<Socket, int> move)
    {
        Socket listener = Open(SocketType.Stream, ProtocolType.Tcp);
        listener.Listen(1);
        Begin(() =>
        {
            using Socket connection = listener.Accept();
            while (move(connection) > 0)
            {
            }
        });
        return ((IPEndPoint)listener.LocalEndPoint!).Port;
    }

    private Socket Open(SocketType type, ProtocolType protocol)
    {
        var socket = new Socket(AddressFamily.InterNetwork, type, protocol);
        _sockets.Add(socket);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        return socket;
    }

    private static void Begin(Action serve) => new Thread(() =>
    {
        try
        {
            serve();
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The guest has ended, or the test: what the guest says tells how it went.
        }
    })
    {
        IsBackground = true,
        Name = "bench peer",
    }.Start();
}
