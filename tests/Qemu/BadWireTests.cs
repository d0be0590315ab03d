using System;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text.Json.Nodes;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Net;
using VirtioGuest.Net.Tests.Simulation;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Wires that lose, repeat, reorder and corrupt, links that go away, and networks of odd sizes.</summary>
public sealed class BadWireTests : QemuTest
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(120);

    [TestCase(1, 10, 0, 0, 0, TestName = "Loss")]
    [TestCase(2, 0, 20, 0, 0, TestName = "Repetition")]
    [TestCase(3, 0, 0, 20, 0, TestName = "Reordering")]
    [TestCase(4, 0, 0, 0, 10, TestName = "Corruption")]
    [TestCase(5, 5, 10, 10, 5, TestName = "All of them")]
    public async Task A_stream_comes_back_whole_over_a_bad_wire(
        int seed, int lost, int repeated, int delayed, int corrupted)
    {
        using var wire = new BadWire(Folder, new WireWeather(seed, lost, repeated, delayed, corrupted));
        QemuGuest guest = Serve(wire.Netdev, wire.Network);

        byte[] data = Bytes(4 << 20, seed);
        byte[] answer = await EchoAsync(IPAddress.Parse($"{wire.Network}.2"), data);

        Assert.That(answer.AsSpan().SequenceEqual(data), Is.True);
        TestContext.Out.WriteLine(wire.Damage);
        Assert.That(wire.Harmed, Is.GreaterThan(10), "or the test shows nothing");
        guest.Type("net 0 status\r");
        if (corrupted > 0)
        {
            guest.WaitForLine("^net0: dropped [1-9][0-9]*: wrong .*checksum");
        }

        guest.Type("exit\r");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
    }

    [Test]
    public async Task A_link_that_goes_down_and_comes_up_delays_a_stream_and_loses_nothing()
    {
        using var tap = new TapLink();
        QemuGuest guest = Serve(tap.Netdev, tap.Network);
        byte[] data = Bytes(32 << 20, 1);

        Task<byte[]> echo = EchoAsync(IPAddress.Parse($"{tap.Network}.2"), data, onQuarter: () =>
        {
            SetLink(guest, isUp: false);
            guest.Type("net 0 status\r");
            guest.WaitForLine("^net0: .*link down");
            Thread.Sleep(TimeSpan.FromSeconds(1));
            SetLink(guest, isUp: true);
        });

        Assert.That((await echo).AsSpan().SequenceEqual(data), Is.True);
        guest.Type("net 0 status\r");
        guest.WaitForLine("^net0: .*link up");
        guest.WaitForLine("^net0: dropped [1-9][0-9]*: .*link");
    }

    [TestCase(68)]
    [TestCase(576)]
    [TestCase(1500)]
    [TestCase(9000)]
    public async Task A_network_of_any_size_carries_streams_and_datagrams(int mtu)
    {
        using var tap = new TapLink();
        tap.SetMtu(mtu);
        QemuGuest guest = Serve(tap.Netdev, tap.Network, $"host_mtu={mtu}");
        var address = IPAddress.Parse($"{tap.Network}.2");

        byte[] data = Bytes(Math.Min(mtu << 12, 8 << 20), mtu);
        Assert.That((await EchoAsync(address, data)).AsSpan().SequenceEqual(data), Is.True);

        guest.Type("net 0 udp-echo 7\r");
        guest.WaitForLine("^net0: udp-echo at ");
        using var client = new UdpClient();
        client.Connect(address, 7);
        foreach (int size in (int[])[1, mtu - 29, mtu - 28, mtu - 27, 4 * mtu])
        {
            Assert.That(await AskAsync(client, Bytes(size, size)), Is.EqualTo(Bytes(size, size)), $"{size} bytes");
        }

        guest.Type($"net 0 ping {tap.Network}.1 3\rnet 0 status\r");
        guest.WaitForLine("^3 sent, 3 received$");
        guest.WaitForLine($"^net0: .*, link up, mtu {mtu}$");
    }

    [Test]
    public void A_server_that_refuses_or_is_silent_is_told_of_and_the_next_one_is_taken()
    {
        using NetworkPeer peer = new(System.IO.Path.Combine(Folder, "net"));
        bool refuses = true;
        bool isSilent = false;
        _ = new PeerHost(peer, answer =>
            isSilent ? null
            : refuses && answer[242] == 5 ? PeerHost.WithOptions(answer, "350106 3604 0a090001 ff")
            : answer);
        QemuGuest guest = Start(new GuestOptions().WithNic(new NicOptions { Netdev = peer.Netdev }));
        guest.WaitForPrompt();

        guest.Type("net 0 dhcp\r");
        guest.WaitForLine("^error: net0: .*refuse");
        guest.Type("net 0 status\r");
        guest.WaitForLine("^net0: no address$");

        isSilent = true;
        guest.Type("net 0 dhcp\r");
        guest.WaitForLine("^error: net0: .*server");

        isSilent = false;
        refuses = false;
        guest.Type("net 0 dhcp\r");
        guest.WaitForLine(@"^net0: 10\.9\.0\.15/24, gateway 10\.9\.0\.1");
    }

    private QemuGuest Serve(string netdev, string network, string? properties = null)
    {
        QemuGuest guest = Start(new GuestOptions().WithNic(
            new NicOptions { Netdev = netdev, Properties = properties }));
        guest.WaitForPrompt();
        guest.Type($"net 0 static {network}.2/24\rnet 0 tcp-echo 7\r");
        guest.WaitForLine("^net0: tcp-echo at ");
        return guest;
    }

    private static void SetLink(QemuGuest guest, bool isUp) =>
        guest.Monitor.Execute("set_link", new JsonObject { ["name"] = "net0", ["up"] = isUp });

    private static async Task<byte[]> EchoAsync(IPAddress address, byte[] data, Action? onQuarter = null)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address, 7).WaitAsync(s_limit);
        NetworkStream stream = client.GetStream();
        Task sending = Task.Run(async () =>
        {
            await stream.WriteAsync(data);
            client.Client.Shutdown(SocketShutdown.Send);
        });
        byte[] answer = new byte[data.Length];
        int quarter = onQuarter is null ? 0 : data.Length / 4;
        await stream.ReadExactlyAsync(answer.AsMemory(0, quarter)).AsTask().WaitAsync(s_limit);
        onQuarter?.Invoke();
        await stream.ReadExactlyAsync(answer.AsMemory(quarter)).AsTask().WaitAsync(s_limit);
        await sending;
        Assert.That(await stream.ReadAsync(new byte[1]).AsTask().WaitAsync(s_limit), Is.Zero, "the end");
        return answer;
    }

    private static async Task<byte[]?> AskAsync(UdpClient client, byte[] data)
    {
        await client.SendAsync(data);
        Task<UdpReceiveResult> answer = client.ReceiveAsync();
        return await Task.WhenAny(answer, Task.Delay(Deadlines.Command)) == answer ? answer.Result.Buffer : null;
    }

    private static byte[] Bytes(int count, int seed)
    {
        byte[] bytes = new byte[count];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
