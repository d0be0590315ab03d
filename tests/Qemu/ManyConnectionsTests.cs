using System;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Many connections of the host's own sockets to one service of the guest's.</summary>
public sealed class ManyConnectionsTests : QemuTest
{
    private const int Count = 200;
    private const int BytesEach = 64 * 1024;
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    // QEMU's user network listens with a backlog of one, so that the host refuses or delays some of those that come at
    // once. Each connection is known to be open, by a byte that has come back, before the next is asked for.
    [Test]
    public async Task Two_hundred_that_are_open_carry_data_at_once()
    {
        int port = HostPort.FindFree();
        QemuGuest guest = Start(new GuestOptions().WithNic(
            new NicOptions { Netdev = $"user,hostfwd=tcp:127.0.0.1:{port}-:7" }));
        guest.WaitForPrompt();
        guest.Type("net 0 dhcp\r");
        guest.WaitForLine("^net0: 10.0.2.15/24");
        guest.Type("net 0 tcp-echo 7\r");
        guest.WaitForLine("^net0: tcp-echo at ");

        EchoClient[] clients = [.. Enumerable.Range(0, Count).Select(i => new EchoClient(i))];
        try
        {
            foreach (EchoClient client in clients)
            {
                await client.OpenAsync(new IPEndPoint(IPAddress.Loopback, port)).WaitAsync(s_limit);
            }

            await Task.WhenAll(clients.Select(client => client.EchoAsync())).WaitAsync(s_limit);
        }
        finally
        {
            Array.ForEach(clients, client => client.Dispose());
        }

        ExpectEchoed(guest);
    }

    [TestCase(true)]
    [TestCase(false)]
    public async Task Two_hundred_are_opened_and_carry_data_at_once(bool isPacked)
    {
        using var tap = new TapLink();
        QemuGuest guest = Start(new GuestOptions().WithNic(
            new NicOptions { Netdev = tap.Netdev, IsPacked = isPacked }));
        guest.WaitForPrompt();
        guest.Type($"net 0 static {tap.Network}.2/24\rnet 0 tcp-echo 7\r");
        guest.WaitForLine("^net0: tcp-echo at ");

        var service = new IPEndPoint(IPAddress.Parse($"{tap.Network}.2"), 7);
        EchoClient[] clients = [.. Enumerable.Range(0, Count).Select(i => new EchoClient(i))];
        try
        {
            // All are held open until the last one has its answer, so that the guest has all of them at a time.
            await Task.WhenAll(clients.Select(client => client.OpenAsync(service))).WaitAsync(s_limit);
            await Task.WhenAll(clients.Select(client => client.EchoAsync())).WaitAsync(s_limit);
        }
        finally
        {
            Array.ForEach(clients, client => client.Dispose());
        }

        ExpectEchoed(guest);
    }

    /// <summary>The service has counted every byte, and a connection is nothing special afterwards.</summary>
    private static void ExpectEchoed(QemuGuest guest)
    {
        guest.Type("net 0 services\r");
        guest.WaitForLine($@"^net0: tcp-echo at .*, {Count * (BytesEach + 1)} bytes$");
        guest.Type("net 0 stop 7\rnet 0 services\r");
        guest.WaitForLine("^net0: nothing is served$");
    }

    /// <summary>A connection that gets back what it sends, and checks that.</summary>
    private sealed class EchoClient : IDisposable
    {
        private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        private readonly byte[] _data = new byte[BytesEach];
        private readonly int _number;

        public EchoClient(int number)
        {
            _number = number;
            new Random(number).NextBytes(_data);
        }

        public async Task OpenAsync(IPEndPoint service)
        {
            await _socket.ConnectAsync(service);
            byte[] one = [(byte)_number];
            await _socket.SendAsync(one);
            one[0]++;
            Assert.That(await _socket.ReceiveAsync(one), Is.EqualTo(1), $"connection {_number}");
            Assert.That(one[0], Is.EqualTo((byte)_number), $"connection {_number}");
        }

        public async Task EchoAsync()
        {
            using var stream = new NetworkStream(_socket);
            Task sending = SendAsync(stream);
            byte[] answer = new byte[BytesEach];
            await stream.ReadExactlyAsync(answer);
            await sending;
            Assert.That(answer.AsSpan().SequenceEqual(_data), Is.True, $"connection {_number}");
            Assert.That(await stream.ReadAsync(answer), Is.Zero, $"the end of connection {_number}");
        }

        public void Dispose() => _socket.Dispose();

        private async Task SendAsync(NetworkStream stream)
        {
            await stream.WriteAsync(_data);
            _socket.Shutdown(SocketShutdown.Send);
        }
    }
}
