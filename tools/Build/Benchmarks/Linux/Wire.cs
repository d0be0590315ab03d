using System;
using System.Buffers.Text;
using System.Collections.Generic;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>
/// What a guest's network card is connected to while a workload runs: a host that discards what is sent to port 9
/// (RFC 863), sends back what comes to port 7 (RFC 862), and sends without end once somebody asks at port 19 (RFC 864).
/// </summary>
internal abstract class Wire : IDisposable
{
    /// <summary>The port that sends back.</summary>
    public const int Echo = 7;

    /// <summary>The port that discards.</summary>
    public const int Discard = 9;

    /// <summary>The port that generates.</summary>
    public const int Generator = 19;

    /// <summary>QEMU's arguments for the network and the card.</summary>
    public abstract IReadOnlyList<string> Devices { get; }

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>A card on a network, in QEMU's words.</summary>
    protected static IReadOnlyList<string> Card(string network) =>
    [
        "-netdev", $"{network},id=net0",
        "-device", "virtio-net-pci,netdev=net0,mac=52:54:00:12:34:56,romfile=,disable-legacy=on,packed=on",
    ];
}

/// <summary>
/// A tap device of the host, whose own TCP is at its end; also a client that asks the guest by HTTP as soon as it can.
/// Making it takes root, and the program ip.
/// </summary>
internal sealed class TapWire : Wire
{
    /// <summary>The first three numbers of its addresses; the host is 1, the guest 2.</summary>
    public static readonly string Network = $"10.78.{Environment.ProcessId % 250}";

    private const int BufferLength = 256 * 1024;
    private const int HttpPort = 80;

    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(20);

    private static readonly string s_name = $"vgb{Environment.ProcessId % 100000}";

    private readonly List<Socket> _sockets = [];
    private volatile bool _isDisposed;

    private TapWire()
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Devices => Card($"tap,ifname={s_name},script=no,downscript=no");

    /// <summary>Makes it.</summary>
    /// <param name="asksByHttp">Whether there is a client.</param>
    /// <exception cref="BuildFailure">It cannot be made.</exception>
    public static TapWire Create(bool asksByHttp = false)
    {
        var wire = new TapWire();
        try
        {
            ExternalProgram.Run("ip", ["tuntap", "add", "dev", s_name, "mode", "tap", "vnet_hdr"]);
            ExternalProgram.Run("ip", ["addr", "add", $"{Network}.1/24", "dev", s_name]);
            ExternalProgram.Run("ip", ["link", "set", s_name, "up"]);
            wire.Serve(Discard, connection => connection.Receive(new byte[BufferLength]));
            wire.Serve(Generator, connection => connection.Send(new byte[BufferLength]));
            if (asksByHttp)
            {
                new Thread(wire.AskByHttp) { IsBackground = true, Name = "HTTP client" }.Start();
            }

            return wire;
        }
        catch (Exception)
        {
            wire.Dispose();
            throw;
        }
    }

    /// <summary>Whether one can be made here.</summary>
    public static bool IsPossible()
    {
        try
        {
            Create().Dispose();
            return true;
        }
        catch (Exception e) when (e is BuildFailure or SocketException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _isDisposed = true;
        _sockets.ForEach(socket => socket.Dispose());
        try
        {
            ExternalProgram.Run("ip", ["link", "del", s_name]);
        }
        catch (BuildFailure)
        {
            // It was not made, which is told already.
        }
    }

    private void Serve(int port, Func<Socket, int> move)
    {
        var listener = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        _sockets.Add(listener);
        listener.Bind(new IPEndPoint(IPAddress.Parse($"{Network}.1"), port));
        listener.Listen(1);
        new Thread(() => Move(listener, move)) { IsBackground = true, Name = $"port {port}" }.Start();
    }

    /// <summary>Asks one request after the other, on one connection, once the guest answers at its port.</summary>
    private void AskByHttp()
    {
        var guest = new IPEndPoint(IPAddress.Parse($"{Network}.2"), HttpPort);
        while (!_isDisposed)
        {
            try
            {
                using var client = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
                client.NoDelay = true;
                client.Connect(guest);
                HttpClientLoop.Run(client);
            }
            catch (SocketException)
            {
                // It is not up yet, does something else, or has ended.
                Thread.Sleep(s_pause);
            }
        }
    }

    private static void Move(Socket listener, Func<Socket, int> move)
    {
        try
        {
            using Socket connection = listener.Accept();
            while (move(connection) > 0)
            {
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The guest has ended, or nobody came.
        }
    }
}

/// <summary>The least of an HTTP client (RFC 9112): one that costs the host as little as there can be.</summary>
internal static class HttpClientLoop
{
    private const int LongestAnswer = (1 << 20) + 1024;

    private static readonly byte[] s_request = "GET / HTTP/1.1\r\nHost: guest\r\n\r\n"u8.ToArray();

    /// <summary>Asks, and reads the answer, until the connection ends.</summary>
    /// <returns>How many answers there were.</returns>
    public static int Run(Socket connection)
    {
        byte[] answer = new byte[LongestAnswer];
        int answers = 0;
        while (true)
        {
            connection.Send(s_request);
            int length = 0;
            int whole = int.MaxValue;
            while (length < whole)
            {
                int count = connection.Receive(answer, length, answer.Length - length, SocketFlags.None);
                if (count == 0)
                {
                    return answers;
                }

                length += count;
                whole = whole == int.MaxValue ? LengthOf(answer.AsSpan(0, length)) : whole;
            }

            answers++;
        }
    }

    /// <summary>How long an answer is, head and body; unknown while the head is not there.</summary>
    private static int LengthOf(ReadOnlySpan<byte> answer)
    {
        int end = answer.IndexOf("\r\n\r\n"u8);
        int field = answer.IndexOf("Content-Length: "u8);
        if (end < 0 || field < 0 || field > end)
        {
            return int.MaxValue;
        }

        return Utf8Parser.TryParse(answer[(field + 16)..end], out int body, out _) ? end + 4 + body : int.MaxValue;
    }
}
