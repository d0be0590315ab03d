using System;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Text;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>.NET's own sockets in the guest: programs that run in the place of the shell.</summary>
public sealed class SocketTests : QemuTest
{
    private const string Sockets = "VirtioGuest.Tests.Sockets";
    private const string Listening = "^listening on port 8080$";
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(30);

    [TestCase(true)]
    [TestCase(false)]
    public async Task Programs_sockets_do_what_dotnet_programs_expect(bool isPacked)
    {
        using var peer = new HostPeer();
        int port = HostPort.FindFree();
        int megabytes = NightlyOnlyAttribute.IsNightly ? 100 : 8;
        QemuGuest guest = Start(new GuestOptions
        {
            Program = Sockets,
            CommandLine = $"peer={peer.Port} megabytes={megabytes}",
        }.WithNic(Forwarding(port) with { IsPacked = isPacked }));
        guest.WaitForLine("^serving$", s_limit * 4);
        using var client = new HttpClient { Timeout = s_limit, BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
        Assert.That(await client.GetStringAsync("some/path"), Is.EqualTo("GET /some/path"));
        byte[] large = await client.GetByteArrayAsync("large");
        Assert.That(large, Is.EqualTo(Enumerable.Range(0, 300_000).Select(i => (byte)(i % 251))));
        using HttpResponseMessage posted = await client.PostAsync("end", new StringContent("that is all"));
        Assert.That(await posted.Content.ReadAsStringAsync(), Is.EqualTo("POST /end"));

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success), "the program's own verdict");
        TapReport report = TapReport.Parse(guest.Serial.Lines);
        Assert.That(report.Results, Has.Count.EqualTo(35));
        Assert.That(report.Failures, Is.Empty);
        Assert.That(peer.Echoed, Is.EqualTo(megabytes << 20));
    }

    [Test]
    public void Without_a_card_sockets_work_within_the_guest()
    {
        QemuGuest guest = Start(new GuestOptions { Program = Sockets });
        guest.WaitForExit();
        TapReport report = TapReport.Parse(guest.Serial.Lines);
        Assert.That(
            report.Failures.Select(failure => failure.Name),
            Is.EqualTo((string[])["broadcasting has to be allowed"]),
            "there is nowhere to broadcast");
    }

    [Test]
    public async Task An_asp_net_core_program_serves_the_host()
    {
        int port = HostPort.FindFree();
        QemuGuest guest = Start(new GuestOptions { Program = "WebApp" }.WithNic(Forwarding(port)));
        guest.WaitForLine(Listening);
        using var client = new HttpClient { Timeout = s_limit, BaseAddress = new Uri($"http://127.0.0.1:{port}/") };
        Assert.That(await client.GetStringAsync(""), Is.EqualTo("Notes are at /notes.\n"));
        string[] texts = [.. Enumerable.Range(0, 50).Select(i => $"note {i}")];
        await Task.WhenAll(texts.Select(async text =>
        {
            using var content = new StringContent(
                $"{{\"text\":\"{text}\"}}", Encoding.UTF8, new MediaTypeHeaderValue("application/json"));
            using HttpResponseMessage answer = await client.PostAsync("notes", content);
            Assert.That(answer.StatusCode, Is.EqualTo(HttpStatusCode.Created));
        }));
        string all = await client.GetStringAsync("notes");
        Assert.That(texts, Has.All.Matches<string>(text => all.Contains($"\"{text}\"", StringComparison.Ordinal)));
        using HttpResponseMessage none = await client.GetAsync("notes/51");
        Assert.That(none.StatusCode, Is.EqualTo(HttpStatusCode.NotFound));
        using HttpResponseMessage deleted = await client.DeleteAsync("notes/50");
        Assert.That(deleted.StatusCode, Is.EqualTo(HttpStatusCode.NoContent));
        using HttpResponseMessage broken = await client.PostAsync("notes", new StringContent("not JSON"));
        Assert.That(broken.StatusCode, Is.EqualTo(HttpStatusCode.UnsupportedMediaType));
    }

    private static NicOptions Forwarding(int port) =>
        new() { Netdev = $"user,hostfwd=tcp:127.0.0.1:{port}-:8080" };
}
