using System;
using System.Collections.Generic;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

namespace VirtioGuest.Tests.Sockets;

/// <summary>What programs do with sockets.</summary>
internal static class SocketCases
{
    public static IReadOnlyList<(string Name, Func<Task> Run)> All { get; } =
    [
        ("a listener accepts, and both sides read what the other wrote", EchoAsync),
        ("calls that wait: accept, connect, receive, send", Synchronous),
        ("a megabyte goes both ways and arrives whole", MegabyteAsync),
        ("two hundred connections at once", ManyAsync),
        ("nobody listens: connection refused", RefusedAsync),
        ("a port is taken: address in use", Taken),
        ("an address is not ours: address not available", NotOurs),
        ("closing a socket ends its accept", CloseEndsAcceptAsync),
        ("closing a socket ends its receive", CloseEndsReceiveAsync),
        ("a cancelled receive leaves the data", CancelledAsync),
        ("a receive with a time-out times out", TimesOut),
        ("the end of the stream is zero bytes", EndOfStreamAsync),
        ("lingering for no time resets the peer", ResetAsync),
        ("writing after the peer has gone fails", BrokenPipeAsync),
        ("shutdown ends one direction", HalfClosedAsync),
        ("a zero-byte receive waits for data", ZeroBytesAsync),
        ("peeking leaves the data", PeekAsync),
        ("data in several buffers", GatherAsync),
        ("poll and select tell what can be done", PollAndSelect),
        ("options keep what they were set to", Options),
        ("a datagram comes back, with its sender", DatagramAsync),
        ("the largest datagram", LargestDatagramAsync),
        ("a datagram too long for its buffer says so", TruncatedAsync),
        ("a datagram to a closed port: connection refused", DatagramRefusedAsync),
        ("broadcasting has to be allowed", Broadcast),
        ("a datagram tells what it was sent to", PacketInformationAsync),
        ("UdpClient and TcpClient by name", ClientsByNameAsync),
        ("localhost and the host's own name", Names),
        ("there is no IPv6", NoIPv6),
        ("sockets that are not used any more can be opened again and again", ReopenedAsync),
    ];

    private static async Task EchoAsync()
    {
        using TcpListener listener = Listen();
        Task<TcpClient> accepting = listener.AcceptTcpClientAsync();
        using var client = new TcpClient(AddressFamily.InterNetwork);
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        using TcpClient server = await accepting;
        await client.GetStream().WriteAsync("hello"u8.ToArray());
        Equal("hello", await ReadTextAsync(server, 5));
        await server.GetStream().WriteAsync("and back"u8.ToArray());
        Equal("and back", await ReadTextAsync(client, 8));
        Equal(client.Client.LocalEndPoint!.ToString(), server.Client.RemoteEndPoint!.ToString());
    }

    private static Task Synchronous()
    {
        using TcpListener listener = Listen();
        var serving = new Thread(() =>
        {
            using Socket server = listener.AcceptSocket();
            byte[] buffer = new byte[100];
            int count;
            while ((count = server.Receive(buffer)) > 0)
            {
                server.Send(buffer, count, SocketFlags.None);
            }
        });
        serving.Start();
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        client.Connect(listener.LocalEndpoint);
        byte[] answer = new byte[100];
        for (int i = 0; i < 50; i++)
        {
            byte[] question = Encoding.ASCII.GetBytes("question " + i);
            Equal(question.Length, client.Send(question));
            int count = 0;
            while (count < question.Length)
            {
                count += client.Receive(answer, count, answer.Length - count, SocketFlags.None);
            }

            Equal("question " + i, Encoding.ASCII.GetString(answer, 0, count));
        }

        client.Shutdown(SocketShutdown.Send);
        Equal(0, client.Receive(answer));
        True(serving.Join(5000), "the server ends");
        return Task.CompletedTask;
    }

    private static async Task MegabyteAsync()
    {
        byte[] data = new byte[1 << 20];
        new Random(1).NextBytes(data);
        (TcpClient client, TcpClient server) = await PairAsync();
        using (client)
        using (server)
        {
            Task<byte[]> atServer = ReadAsync(server, data.Length);
            Task<byte[]> atClient = ReadAsync(client, data.Length);
            await Task.WhenAll(
                client.GetStream().WriteAsync(data).AsTask(), server.GetStream().WriteAsync(data).AsTask());
            byte[] serverCopy = await atServer;
            byte[] clientCopy = await atClient;
            True(serverCopy.AsSpan().SequenceEqual(data), "the server's copy");
            True(clientCopy.AsSpan().SequenceEqual(data), "the client's copy");
        }
    }

    private static async Task ManyAsync()
    {
        using TcpListener listener = Listen(256);
        Task serving = Task.Run(async () =>
        {
            var tasks = new List<Task>();
            for (int i = 0; i < 200; i++)
            {
                tasks.Add(EchoOnceAsync(await listener.AcceptTcpClientAsync()));
            }

            await Task.WhenAll(tasks);
        });
        string[] answers = await Task.WhenAll(Enumerable.Range(0, 200).Select(async i =>
        {
            using var client = new TcpClient();
            await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
            await client.GetStream().WriteAsync(BitConverter.GetBytes(i));
            return BitConverter.ToInt32(await ReadAsync(client, 4)).ToString();
        }));
        await serving;
        Equal(string.Join(",", Enumerable.Range(0, 200)), string.Join(",", answers));

        static async Task EchoOnceAsync(TcpClient client)
        {
            using (client)
            {
                await client.GetStream().WriteAsync(await ReadAsync(client, 4));
            }
        }
    }

    private static async Task RefusedAsync()
    {
        using var client = new Socket(SocketType.Stream, ProtocolType.Tcp);
        SocketException e = await FailsAsync(() => client.ConnectAsync(IPAddress.Loopback, 9));
        Equal(SocketError.ConnectionRefused, e.SocketErrorCode);
        True(e.Message.Contains("refused", StringComparison.Ordinal), e.Message);
        using var other = new Socket(SocketType.Stream, ProtocolType.Tcp);
        Equal(SocketError.ConnectionRefused, Fails(() => other.Connect(IPAddress.Loopback, 9)).SocketErrorCode);
    }

    private static Task Taken()
    {
        using TcpListener listener = Listen();
        var again = new TcpListener((IPEndPoint)listener.LocalEndpoint);
        Equal(SocketError.AddressAlreadyInUse, Fails(again.Start).SocketErrorCode);
        using var udp = new UdpClient(7777);
        Equal(SocketError.AddressAlreadyInUse, Fails(() => new UdpClient(7777).Dispose()).SocketErrorCode);
        return Task.CompletedTask;
    }

    private static Task NotOurs()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        SocketException e = Fails(() => socket.Bind(new IPEndPoint(IPAddress.Parse("192.0.2.77"), 0)));
        Equal(SocketError.AddressNotAvailable, e.SocketErrorCode);
        return Task.CompletedTask;
    }

    private static async Task CloseEndsAcceptAsync()
    {
        TcpListener listener = Listen();
        Task<Socket> accepting = listener.AcceptSocketAsync();
        Task<Socket> waiting = Task.Run(listener.AcceptSocket);
        await Task.Delay(100);
        listener.Stop();
        await EndsAsync(accepting);
        await EndsAsync(waiting);
    }

    private static async Task CloseEndsReceiveAsync()
    {
        foreach (bool isAsync in (bool[])[true, false])
        {
            (TcpClient client, TcpClient server) = await PairAsync();
            using (server)
            {
                byte[] buffer = new byte[10];
                Task<int> receiving = isAsync
                    ? client.Client.ReceiveAsync(buffer)
                    : Task.Run(() => client.Client.Receive(buffer));
                await Task.Delay(100);
                client.Client.Close();
                await EndsAsync(receiving);
            }
        }
    }

    private static async Task CancelledAsync()
    {
        (TcpClient client, TcpClient server) = await PairAsync();
        using (client)
        using (server)
        using (var cancellation = new CancellationTokenSource(50))
        {
            byte[] buffer = new byte[10];
            try
            {
                await client.GetStream().ReadExactlyAsync(buffer, cancellation.Token);
                throw new InvalidOperationException("It was not cancelled.");
            }
            catch (OperationCanceledException)
            {
            }

            await server.GetStream().WriteAsync("still"u8.ToArray());
            Equal("still", await ReadTextAsync(client, 5));
        }
    }

    private static Task TimesOut()
    {
        using TcpListener listener = Listen();
        using var client = new TcpClient();
        client.Connect((IPEndPoint)listener.LocalEndpoint);
        client.ReceiveTimeout = 100;
        SocketException e = Fails(() => client.Client.Receive(new byte[10]));
        Equal(SocketError.TimedOut, e.SocketErrorCode);
        return Task.CompletedTask;
    }

    private static async Task EndOfStreamAsync()
    {
        (TcpClient client, TcpClient server) = await PairAsync();
        using (client)
        {
            await server.GetStream().WriteAsync("last"u8.ToArray());
            server.Close();
            Equal("last", await ReadTextAsync(client, 4));
            Equal(0, await client.Client.ReceiveAsync(new byte[1]));
        }
    }

    private static async Task ResetAsync()
    {
        (TcpClient client, TcpClient server) = await PairAsync();
        using (client)
        {
            server.Client.Close(timeout: 0);
            SocketException e = await FailsAsync(async () => await client.Client.ReceiveAsync(new byte[1]));
            Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
    }

    private static async Task BrokenPipeAsync()
    {
        (TcpClient client, TcpClient server) = await PairAsync();
        using (client)
        {
            server.Client.Close(timeout: 0);
            SocketException e = await FailsAsync(async () =>
            {
                for (int i = 0; i < 100; i++)
                {
                    await client.Client.SendAsync(new byte[1000]);
                    await Task.Delay(5);
                }
            });
            True(
                e.SocketErrorCode is SocketError.ConnectionReset or SocketError.Shutdown,
                e.SocketErrorCode.ToString());
        }
    }

    private static async Task HalfClosedAsync()
    {
        (TcpClient client, TcpClient server) = await PairAsync();
        using (client)
        using (server)
        {
            client.Client.Shutdown(SocketShutdown.Send);
            Equal(0, await server.Client.ReceiveAsync(new byte[1]));
            await server.GetStream().WriteAsync("more"u8.ToArray());
            byte[] buffer = new byte[10];
            Equal(4, await client.Client.ReceiveAsync(buffer));
            SocketException e = Fails(() => client.Client.Send(new byte[1]));
            Equal(SocketError.Shutdown, e.SocketErrorCode);
        }
    }

    private static async Task ZeroBytesAsync()
    {
        (TcpClient client, TcpClient server) = await PairAsync();
        using (client)
        using (server)
        {
            Task<int> waiting = client.Client.ReceiveAsync(Memory<byte>.Empty).AsTask();
            await Task.Delay(50);
            True(!waiting.IsCompleted, "it waits");
            await server.GetStream().WriteAsync("x"u8.ToArray());
            Equal(0, await waiting);
            Equal(1, client.Available);
        }
    }

    private static async Task PeekAsync()
    {
        (TcpClient client, TcpClient server) = await PairAsync();
        using (client)
        using (server)
        {
            await server.GetStream().WriteAsync("peek"u8.ToArray());
            byte[] buffer = new byte[2];
            Equal(2, await client.Client.ReceiveAsync(buffer, SocketFlags.Peek));
            Equal("peek", await ReadTextAsync(client, 4));
        }
    }

    private static async Task GatherAsync()
    {
        (TcpClient client, TcpClient server) = await PairAsync();
        using (client)
        using (server)
        {
            ArraySegment<byte>[] parts = ["one "u8.ToArray(), "two "u8.ToArray(), "three"u8.ToArray()];
            Equal(13, await client.Client.SendAsync(parts));
            Equal("one two three", await ReadTextAsync(server, 13));
            await server.GetStream().WriteAsync("abcdef"u8.ToArray());
            ArraySegment<byte>[] into = [new byte[2], new byte[4]];
            Equal(6, await client.Client.ReceiveAsync(into, SocketFlags.None));
            Equal("ab/cdef", Encoding.ASCII.GetString(into[0]) + "/" + Encoding.ASCII.GetString(into[1]));
        }
    }

    private static Task PollAndSelect()
    {
        using TcpListener listener = Listen();
        True(!listener.Pending(), "nobody is there");
        using var client = new TcpClient();
        client.Connect((IPEndPoint)listener.LocalEndpoint);
        True(listener.Server.Poll(1_000_000, SelectMode.SelectRead), "somebody is there");
        using Socket server = listener.AcceptSocket();
        True(server.Poll(0, SelectMode.SelectWrite), "there is room");
        True(!server.Poll(10_000, SelectMode.SelectRead), "there is no data");
        client.Client.Send(new byte[1]);
        var readable = new List<Socket> { listener.Server, server };
        Socket.Select(readable, null, null, 1_000_000);
        True(readable.Count == 1 && readable[0] == server, "one can be read");
        return Task.CompletedTask;
    }

    private static Task Options()
    {
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
        socket.NoDelay = true;
        socket.ReceiveBufferSize = 65536;
        socket.SetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive, true);
        socket.SetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime, 33);
        socket.LingerState = new LingerOption(true, 7);
        True(socket.NoDelay, "NoDelay");
        Equal(65536, socket.ReceiveBufferSize);
        Equal(1, (int)socket.GetSocketOption(SocketOptionLevel.Socket, SocketOptionName.KeepAlive)!);
        Equal(33, (int)socket.GetSocketOption(SocketOptionLevel.Tcp, SocketOptionName.TcpKeepAliveTime)!);
        Equal(7, socket.LingerState!.LingerTime);
        Equal(SocketType.Stream, socket.SocketType);
        return Task.CompletedTask;
    }

    private static async Task DatagramAsync()
    {
        using var server = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        using var client = new UdpClient();
        client.Connect((IPEndPoint)server.Client.LocalEndPoint!);
        await client.SendAsync("ping"u8.ToArray());
        UdpReceiveResult question = await server.ReceiveAsync();
        Equal("ping", Encoding.ASCII.GetString(question.Buffer));
        await server.SendAsync("pong"u8.ToArray(), question.RemoteEndPoint);
        Equal("pong", Encoding.ASCII.GetString((await client.ReceiveAsync()).Buffer));
    }

    private static async Task LargestDatagramAsync()
    {
        using var server = new UdpClient(new IPEndPoint(IPAddress.Loopback, 0));
        using var client = new UdpClient();
        client.Connect((IPEndPoint)server.Client.LocalEndPoint!);
        await client.SendAsync(new byte[65507]);
        Equal(65507, (await server.ReceiveAsync()).Buffer.Length);
        SocketException e = await FailsAsync(async () => await client.SendAsync(new byte[65508]));
        Equal(SocketError.MessageSize, e.SocketErrorCode);
        ArraySegment<byte>[] parts = [new byte[1 << 20], new byte[1 << 20]];
        e = Fails(() => client.Client.Send(parts));
        Equal(SocketError.MessageSize, e.SocketErrorCode);
    }

    private static async Task TruncatedAsync()
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        using var client = new UdpClient();
        client.Connect((IPEndPoint)server.LocalEndPoint!);
        await client.SendAsync(new byte[100]);
        await client.SendAsync(new byte[3]);
        SocketReceiveMessageFromResult first = await server.ReceiveMessageFromAsync(
            new byte[10], SocketFlags.None, new IPEndPoint(IPAddress.Any, 0));
        Equal(10, first.ReceivedBytes);
        True((first.SocketFlags & SocketFlags.Truncated) != 0, first.SocketFlags.ToString());
        SocketReceiveFromResult next = await server.ReceiveFromAsync(new byte[10], new IPEndPoint(IPAddress.Any, 0));
        Equal(3, next.ReceivedBytes);
    }

    private static async Task DatagramRefusedAsync()
    {
        using var client = new UdpClient();
        client.Connect(IPAddress.Loopback, 9);
        await client.SendAsync(new byte[1]);
        SocketException e = await FailsAsync(async () => await client.ReceiveAsync());
        Equal(SocketError.ConnectionRefused, e.SocketErrorCode);
    }

    private static Task Broadcast()
    {
        using var client = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        var everyone = new IPEndPoint(IPAddress.Broadcast, 9);
        Equal(SocketError.AccessDenied, Fails(() => client.SendTo(new byte[1], everyone)).SocketErrorCode);
        client.EnableBroadcast = true;
        Equal(1, client.SendTo(new byte[1], everyone));
        return Task.CompletedTask;
    }

    private static async Task PacketInformationAsync()
    {
        using var server = new Socket(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        server.SetSocketOption(SocketOptionLevel.IP, SocketOptionName.PacketInformation, true);
        server.Bind(new IPEndPoint(IPAddress.Any, 0));
        using var client = new UdpClient();
        client.Connect(IPAddress.Loopback, ((IPEndPoint)server.LocalEndPoint!).Port);
        await client.SendAsync(new byte[5]);
        SocketReceiveMessageFromResult result = await server.ReceiveMessageFromAsync(
            new byte[10], SocketFlags.None, new IPEndPoint(IPAddress.Any, 0));
        Equal("127.0.0.1", result.PacketInformation.Address.ToString());
        Equal(5, result.ReceivedBytes);
    }

    private static async Task ClientsByNameAsync()
    {
        using TcpListener listener = Listen();
        using var client = new TcpClient("localhost", ((IPEndPoint)listener.LocalEndpoint).Port);
        using TcpClient server = await listener.AcceptTcpClientAsync();
        True(server.Connected, "connected");
        using var udp = new UdpClient("localhost", 9);
        Equal("127.0.0.1:9", udp.Client.RemoteEndPoint!.ToString());
    }

    private static Task Names()
    {
        Equal("127.0.0.1", Dns.GetHostAddresses("localhost")[0].ToString());
        Equal("virtioguest", Dns.GetHostName());
        True(Dns.GetHostAddresses(Dns.GetHostName()).Length > 0, "our own name has an address");
        Equal("localhost", Dns.GetHostEntry(IPAddress.Loopback).HostName);
        return Task.CompletedTask;
    }

    private static Task NoIPv6()
    {
        True(!Socket.OSSupportsIPv6, "OSSupportsIPv6");
        SocketException e = Fails(
            () => new Socket(AddressFamily.InterNetworkV6, SocketType.Stream, ProtocolType.Tcp).Dispose());
        Equal(SocketError.AddressFamilyNotSupported, e.SocketErrorCode);
        return Task.CompletedTask;
    }

    private static async Task ReopenedAsync()
    {
        using TcpListener listener = Listen();
        long before = GC.GetTotalMemory(forceFullCollection: true);
        for (int i = 0; i < 500; i++)
        {
            using var client = new TcpClient();
            await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
            using TcpClient server = await listener.AcceptTcpClientAsync();
            await client.GetStream().WriteAsync(new byte[1]);
            Equal(1, (await ReadAsync(server, 1)).Length);
        }

        long after = GC.GetTotalMemory(forceFullCollection: true);
        True(after - before < 64 << 20, $"{(after - before) >> 20} MB more");
    }

    private static TcpListener Listen(int backlog = 16)
    {
        var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start(backlog);
        return listener;
    }

    private static async Task<(TcpClient Client, TcpClient Server)> PairAsync()
    {
        using TcpListener listener = Listen();
        var client = new TcpClient();
        Task<TcpClient> accepting = listener.AcceptTcpClientAsync();
        await client.ConnectAsync((IPEndPoint)listener.LocalEndpoint);
        return (client, await accepting);
    }

    private static async Task<byte[]> ReadAsync(TcpClient client, int count)
    {
        byte[] buffer = new byte[count];
        await client.GetStream().ReadExactlyAsync(buffer);
        return buffer;
    }

    private static async Task<string> ReadTextAsync(TcpClient client, int count) =>
        Encoding.ASCII.GetString(await ReadAsync(client, count));

    private static SocketException Fails(Action action)
    {
        try
        {
            action();
        }
        catch (SocketException e)
        {
            return e;
        }

        throw new InvalidOperationException("It did not fail.");
    }

    private static async Task<SocketException> FailsAsync(Func<Task> action)
    {
        try
        {
            await action();
        }
        catch (SocketException e)
        {
            return e;
        }

        throw new InvalidOperationException("It did not fail.");
    }

    /// <summary>Ends because its socket was closed, with any of the exceptions that .NET has for that.</summary>
    private static async Task EndsAsync(Task task)
    {
        try
        {
            await task;
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException or OperationCanceledException)
        {
            return;
        }

        throw new InvalidOperationException("It did not end with an exception.");
    }

    private static void Equal<T>(T expected, T actual)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new InvalidOperationException($"Expected {expected}, got {actual}.");
        }
    }

    private static void True(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException(what);
        }
    }
}
