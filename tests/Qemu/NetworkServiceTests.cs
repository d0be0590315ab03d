using System;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>What the shell serves, from the host's own sockets.</summary>
public sealed class NetworkServiceTests : QemuTest
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    [Test]
    public async Task Datagrams_of_every_size_come_back()
    {
        int port = HostPort.FindFree();
        QemuGuest guest = StartServing($"udp:127.0.0.1:{port}-:7", "net 0 udp-echo 7");
        using var client = new UdpClient();
        client.Connect(IPAddress.Loopback, port);
        foreach (int size in (int[])[1, 18, 19, 1471, 1472, 1473, 2952, 2953, 9000, 32768, 65506, 65507])
        {
            byte[] data = Bytes(size);
            Assert.That(await AskAsync(client, data), Is.EqualTo(data), $"{size} bytes");
        }

        guest.Type("net 0 stop 7\rnet 0 services\r");
        guest.WaitForLine("^net0: nothing is served$");
        Assert.That(await AskAsync(client, Bytes(5)), Is.Null, "stopped");
    }

    [TestCase(true, 1500)]
    [TestCase(false, 1500)]
    [TestCase(true, 9000)]
    public async Task A_tap_carries_large_segments_both_ways(bool isPacked, int mtu)
    {
        using var tap = new TapLink();
        tap.SetMtu(mtu);
        QemuGuest guest = Start(new GuestOptions().WithNic(
            new NicOptions { Netdev = tap.Netdev, IsPacked = isPacked, Properties = $"host_mtu={mtu}" }));
        guest.WaitForPrompt();
        guest.Type($"net 0 static {tap.Network}.2/24\rnet 0 tcp-echo 7\rnet 0 udp-echo 7\rlsvirtio\r");
        guest.WaitForLine("^ *features: .*CSUM.*HOST_TSO4.*MRG_RXBUF");
        var address = IPAddress.Parse($"{tap.Network}.2");
        int megabytes = NightlyOnlyAttribute.IsNightly ? 100 : 32;
        Assert.That(await EchoAsync(address, 7, Bytes(megabytes << 20)), Is.True);
        using var client = new UdpClient();
        client.Connect(address, 7);
        byte[] data = Bytes(65507);
        Assert.That(await AskAsync(client, data), Is.EqualTo(data));
        guest.Type("lsvirtio\rnet 0 status\r");
        guest.WaitForLine("^ *bad headers: 0$");
        guest.WaitForLine("^ *frames incomplete: 0$");
        guest.WaitForLine("^ *frames too long: 0$");
    }

    [Test]
    public async Task A_browser_reads_the_status_page_and_programs_read_json()
    {
        int port = HostPort.FindFree();
        QemuGuest guest = StartServing($"tcp:127.0.0.1:{port}-:80", "net 0 http 80");
        using var client = new HttpClient { Timeout = s_limit, BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
        string page = await client.GetStringAsync("");
        Assert.That(page, Does.StartWith("<!DOCTYPE html>").And.Contain("<h1>VirtioGuest").And.Contain("transmitq1"));
        Assert.That(page, Does.Not.Contain("<script"), "nothing from elsewhere, and no script");
        using JsonDocument status = JsonDocument.Parse(await client.GetStringAsync("status.json"));
        JsonElement device = status.RootElement.GetProperty("devices")[0];
        Assert.That(device.GetProperty("type").GetString(), Is.EqualTo("virtio-net"));
        Assert.That(device.GetProperty("queues")[0].GetProperty("used").GetInt32(), Is.GreaterThan(0));
        Assert.That(status.RootElement.GetProperty("memory").GetProperty("totalBytes").GetInt64(), Is.GreaterThan(0));
        using HttpResponseMessage missing = await client.GetAsync("nothing");
        Assert.That(missing.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        using HttpResponseMessage post = await client.PostAsync("", new StringContent("x"));
        Assert.That(post.StatusCode, Is.EqualTo(HttpStatusCode.MethodNotAllowed));
        using var head = new HttpRequestMessage(HttpMethod.Head, "");
        using HttpResponseMessage headers = await client.SendAsync(head);
        Assert.That(headers.Content.Headers.ContentLength, Is.GreaterThan(0));
        foreach (byte[] nonsense in (byte[][])[[0, 1, 2, 13, 10, 13, 10], "GET\r\n\r\n"u8.ToArray(), Bytes(20_000)])
        {
            using var socket = new TcpClient();
            await socket.ConnectAsync(IPAddress.Loopback, port);
            await socket.GetStream().WriteAsync(nonsense);
            byte[] answer = new byte[12];
            await socket.GetStream().ReadExactlyAsync(answer);
            Assert.That(Encoding.ASCII.GetString(answer), Is.EqualTo("HTTP/1.1 400"));
        }

        Assert.That(await client.GetStringAsync(""), Does.Contain("</html>"), "it goes on");
        guest.Type("net 0 services\r");
        guest.WaitForLine(@"^net0: http at 10\.0\.2\.15:80, \d+ requests$");
    }

    [Test]
    public void What_cannot_be_served_is_said_in_words()
    {
        (string Command, string Words)[] refusals =
        [
            ("net 0 tcp-echo 7", "error: net0: there is no address"),
            ("net 0 tcp-echo 0", "usage: net N tcp-echo PORT"),
            ("net 0 http 65536", "usage: net N http PORT"),
            ("net 0 udp-echo", "usage: net N udp-echo PORT"),
            ("net 0 stop 7", "error: net0: nothing is served on port 7"),
            ("net 0 static 10.0.0.0/24", "error: net0: these do not fit together"),
            ("net 0 static 10.0.0.1", "usage: net N static ADDRESS/PREFIX [GATEWAY [NAMESERVER]]"),
            ("net 0 resolve example.org", "error: net0: no name server is known"),
        ];
        string script = string.Join("; ", refusals.Select(item => item.Command))
            + "; net 0 static 10.0.2.15/24 10.0.2.2; net 0 tcp-echo 7; net 0 udp-echo 7; net 0 tcp-echo 7; "
            + "net 0 services; net 0 stop 7; net 0 services; exit";
        Transcript transcript = Run(new GuestOptions().WithNic(), script, QemuGuest.Failure);
        Assert.Multiple(() =>
        {
            foreach ((string command, string words) in refusals)
            {
                Assert.That(transcript.TextOf(command), Is.EqualTo(words), command);
            }

            Assert.That(
                transcript.TextOf("net 0 tcp-echo 7", 2),
                Is.EqualTo("error: net0: port 7 cannot be had: Address in use"));
            Assert.That(
                transcript.OutputOf("net 0 services"),
                Is.EqualTo((string[])
                [
                    "net0: tcp-echo at 10.0.2.15:7, 0 bytes", "net0: udp-echo at 10.0.2.15:7, 0 datagrams",
                ]));
            Assert.That(transcript.TextOf("net 0 services", 1), Is.EqualTo("net0: nothing is served"));
        });
    }

    private QemuGuest StartServing(string forward, string command)
    {
        QemuGuest guest = Start(new GuestOptions().WithNic(new NicOptions { Netdev = $"user,hostfwd={forward}" }));
        guest.WaitForPrompt();
        guest.Type("net 0 dhcp\r");
        guest.WaitForLine("^net0: 10.0.2.15/24");
        guest.Type(command + "\r");
        guest.WaitForLine("^net0: .* at 10.0.2.15:");
        return guest;
    }

    // A datagram may be lost on the way, on the host as well: it is sent again.
    private static async Task<byte[]?> AskAsync(UdpClient client, byte[] data)
    {
        for (int i = 0; i < 3; i++)
        {
            Task<UdpReceiveResult> answer = client.ReceiveAsync();
            try
            {
                await client.SendAsync(data);
            }
            catch (SocketException)
            {
                // The answer to the one before: nobody listens.
                continue;
            }

            if (await Task.WhenAny(answer, Task.Delay(2000)) == answer && answer.IsCompletedSuccessfully)
            {
                return answer.Result.Buffer;
            }
        }

        return null;
    }

    private static async Task<bool> EchoAsync(IPAddress address, int port, byte[] data)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(address, port).WaitAsync(s_limit);
        NetworkStream stream = client.GetStream();
        Task sending = Task.Run(async () =>
        {
            await stream.WriteAsync(data);
            client.Client.Shutdown(SocketShutdown.Send);
        });
        byte[] answer = new byte[data.Length];
        await stream.ReadExactlyAsync(answer).AsTask().WaitAsync(s_limit);
        await sending;
        return answer.AsSpan().SequenceEqual(data) && await stream.ReadAsync(new byte[1]) == 0;
    }

    private static byte[] Bytes(int count)
    {
        byte[] bytes = new byte[count];
        new Random(count).NextBytes(bytes);
        return bytes;
    }
}
