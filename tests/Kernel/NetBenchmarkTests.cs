using System;
using System.Linq;
using System.Text.Json;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Benchmarks;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Tests;

/// <summary>The command <c>net N bench</c>, over a card whose neighbour answers.</summary>
[TestFixture]
internal sealed class NetBenchmarkTests
{
    [TestCase("tx 18 32 5", "tx", 18, 32, 5000ul, 0ul, null, 9)]
    [TestCase("rx 65507 64 0.25 10.0.0.9", "rx", 65507, 64, 250ul, 0ul, "10.0.0.9", 19)]
    [TestCase("rr 1K 1 20000x 10.0.0.9:4000", "rr", 1024, 1, 0ul, 20_000ul, "10.0.0.9", 4000)]
    [TestCase("frames 60 0x20 86400", "frames", 60, 32, 86_400_000ul, 0ul, null, 0)]
    [TestCase("tcp-tx 64K 2", "tcp-tx", 65536, 1, 2000ul, 0ul, null, 9)]
    [TestCase("http 1K 2", "http", 1024, 1, 2000ul, 0ul, null, 0)]
    [TestCase("tcp-rx 1024K 9x 10.0.0.9:5", "tcp-rx", 1 << 20, 1, 0ul, 9ul, "10.0.0.9", 5)]
    public void A_workload_is_read_from_words(
        string words, string name, int size, int burst, ulong milliseconds, ulong operations, string? host, int port)
    {
        NetWorkload? workload = NetWorkload.TryParse(words.Split(' '));
        Assert.That(workload, Is.Not.Null);
        Assert.That(
            (workload!.Operation.Name, workload.Size, workload.Burst, workload.Length),
            Is.EqualTo((name, size, burst, new RunLength(milliseconds, operations))));
        Assert.That((workload.Host?.ToString(), (int)workload.Port), Is.EqualTo((host, port)));
    }

    [TestCase("")]
    [TestCase("tx")]
    [TestCase("tx 18 32")]
    [TestCase("TX 18 32 5")]
    [TestCase("xt 18 32 5")]
    [TestCase("tx 0 32 5")]
    [TestCase("tx 65508 32 5")]
    [TestCase("tx 64K 32 5")]
    [TestCase("tx K 32 5")]
    [TestCase("tx 18446744073709551615K 32 5")]
    [TestCase("tx 18 0 5")]
    [TestCase("tx 18 65 5")]
    [TestCase("tx 18 32 0")]
    [TestCase("tx 18 32 0x")]
    [TestCase("tx 18 32 -1")]
    [TestCase("tx 18 32 86401")]
    [TestCase("tx 18 32 5 10.0.0")]
    [TestCase("tx 18 32 5 10.0.0.9:")]
    [TestCase("tx 18 32 5 10.0.0.9:0")]
    [TestCase("tx 18 32 5 10.0.0.9:65536")]
    [TestCase("tx 18 32 5 10.0.0.9 9")]
    [TestCase("frames 59 32 5")]
    [TestCase("frames 60 32 5 10.0.0.9")]
    [TestCase("tcp-tx 64K 32 5")]
    [TestCase("tcp-tx 1025K 5")]
    [TestCase("http 64")]
    [TestCase("http 64 5 10.0.0.9")]
    [TestCase("http 0 5")]
    public void Other_words_are_one_line_of_usage(string words)
    {
        Assert.That(NetWorkload.TryParse(words.Split(' ', StringSplitOptions.RemoveEmptyEntries)), Is.Null);
        var bench = new ShellBench(port: new NetworkPort("net0", new FakeLink(isUp: true)));
        Assert.That(bench.Run("net 0 bench " + words), Does.Match(@"^usage: net N bench tx\|rx\|rr\|[^\n]*$"));
    }

    [Test]
    public void What_stands_in_the_way_is_said_in_words()
    {
        var fake = new ShellBench(port: new NetworkPort("net0", new FakeLink(isUp: true)));
        Assert.That(fake.Run("net 0 bench tx 18 32 1x"), Is.EqualTo("error: net0: the link is down"));
        using ModelBench<NetDevice> bench = NetBench.CreateFull(FeatureBit.RingPacked);
        NetworkPort port = Start(bench);
        var shell = new ShellBench(port: port);
        Assert.That(shell.Run("net 0 bench tx 18 32 1x"), Is.EqualTo("error: net0: there is no address"));
        Assert.That(
            shell.Run("net 0 bench frames 1515 32 1x"), Is.EqualTo("error: net0: so much at a time does not fit"));
        Assert.That(port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.2"), 24, IPv4Address.Any), Is.True);
        Assert.That(
            shell.Run("net 0 bench tx 18 32 1x"), Is.EqualTo("error: net0: there is no gateway: name a host"));
        Assert.That(
            shell.Run("net 0 bench rr 18 32 1x 10.9.0.1"), Is.EqualTo("error: net0: there is no way to 10.9.0.1"));
        using UdpSocket taken = port.Stack.OpenUdp(9)!;
        Assert.That(
            shell.Run("net 0 bench rx 18 32 1x 10.0.0.1"), Is.EqualTo("error: net0: port 9 cannot be had"));
    }

    [TestCase("tx 18 32 2000x", "datagrams: 2016", 1.0)]
    [TestCase("rx 18 16 200x", "datagrams: 2", 1.0)]
    [TestCase("rr 18 1 100x", "round trips: 100", 2.0)]
    [TestCase("rr 1400 32 512x", "round trips: 512", 2.0)]
    [TestCase("frames 60 32 1000x", "frames: 1024", 0.0)]
    public void A_load_is_measured(string words, string line, double frames)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(FeatureBit.RingPacked | FeatureBit.EventIndex);
        NetworkPort port = Start(bench);
        Assert.That(
            port.Stack.TrySetStatic(
                IPv4Address.Parse("10.0.0.2"), 24, IPv4Address.Parse(WirePeer.Address)), Is.True);
        var shell = new ShellBench(port: port);

        // On a busy machine it says how far it has come.
        string[] lines = [.. shell.Run("net 0 bench " + words).Split('\n')
            .Where(each => !each.StartsWith("after ", StringComparison.Ordinal))];
        Assert.That(lines[0], Does.Match($@"^net0: packed rings, {words.Split(' ')[0]} of \d+ bytes, \d+ at a time, "));
        Assert.That(lines[1], Does.StartWith(line));
        JsonElement root = JsonDocument.Parse(lines[^1]).RootElement;
        Assert.That(root.GetProperty("net").GetString(), Is.EqualTo("net0"));
        Assert.That(root.GetProperty("driver").GetDouble(), Is.GreaterThan(0));
        Assert.That(root.GetProperty("lost").GetInt32(), Is.Zero);
        Assert.That(root.GetProperty("frames").GetDouble(), Is.EqualTo(frames).Within(0.1));
        Assert.That(root.GetProperty("notifications").GetDouble(), Is.LessThan(2.1));
    }

    [Test]
    public void Round_trips_without_an_answer_are_counted_and_the_next_ones_go_on()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(FeatureBit.RingPacked);
        NetworkPort port = Start(bench);
        ((WirePeer)bench.Model.Peer!).LosesEvery = 1000;
        port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.2"), 24, IPv4Address.Parse(WirePeer.Address));
        string text = new ShellBench(port: port).Run("net 0 bench rr 18 32 640x");
        Assert.That(text, Does.Match("round trips: 6[0-9]+, ").And.Match("; without an answer 1\n"));
    }

    [Test]
    public void A_load_that_nobody_answers_ends_with_an_error()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(FeatureBit.RingPacked);
        NetworkPort port = Start(bench);
        ((WirePeer)bench.Model.Peer!).LosesEvery = 1;
        port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.2"), 24, IPv4Address.Parse(WirePeer.Address));
        Assert.That(
            new ShellBench(port: port).Run("net 0 bench rr 18 64 10x"),
            Is.EqualTo("error: net0: nothing comes back from port 7 of 10.0.0.1"));
    }

    [Test]
    public void A_load_that_comes_to_nothing_in_its_time_ends_with_an_error()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(FeatureBit.RingPacked);
        NetworkPort port = Start(bench);
        port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.2"), 24, IPv4Address.Any);
        Assert.That(
            new ShellBench(port: port).Run("net 0 bench rx 18 1 0.05 10.0.0.1:4444"),
            Is.EqualTo("error: net0: nothing came of it in that time"));
    }

    [Test]
    public void A_load_can_be_interrupted()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(FeatureBit.RingPacked);
        NetworkPort port = Start(bench);
        port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.2"), 24, IPv4Address.Any);
        foreach (string load in new[] { "tx 18 32 60 10.0.0.1", "tx 18 32 60 10.0.0.77", "rr 18 1 60 10.0.0.1" })
        {
            var shell = new ShellBench(port: port);
            using var interruption = new System.Threading.Timer(_ => shell.System.Interrupt(), null, 300, -1);
            Assert.That(shell.Run("net 0 bench " + load), Does.Contain("interrupted"), load);
        }
    }

    [Test]
    public void A_result_is_a_line_of_json()
    {
        var result = new NetBenchmarkResult
        {
            Port = "net0",
            Workload = NetWorkload.TryParse(["rr", "1000", "32", "2"])!,
            RingFormat = "packed",
            Operations = 1000,
            Bytes = 1_000_000,
            Lost = 3,
            Frames = 2000,
            Nanoseconds = 2_000_000_000,
            IsCountingInstructions = true,
            GuestTicks = 800_000,
            Notifications = 32,
            Interrupts = 31,
            SubmitTicks = 124,
            NotifyTicks = 2,
            CompleteTicks = 68,
            Median = 1500,
            Percentile99 = 2500,
        };
        string json = result.ToJson();
        Assert.That(json, Does.Not.Contain("\n"));
        JsonElement root = JsonDocument.Parse(json).RootElement;
        Assert.That(root.GetProperty("perSecond").GetDouble(), Is.EqualTo(500));
        Assert.That(root.GetProperty("megabitsPerSecond").GetDouble(), Is.EqualTo(4));
        Assert.That(root.GetProperty("driver").GetDouble(), Is.EqualTo(194));
        Assert.That(root.GetProperty("rest").GetDouble(), Is.EqualTo(606));
        Assert.That(root.GetProperty("unit").GetString(), Is.EqualTo("instructions"));
        Assert.That(root.GetProperty("nanoseconds").GetProperty("p99").GetInt32(), Is.EqualTo(2500));
        Assert.That(root.GetProperty("lost").GetInt32(), Is.EqualTo(3));
        Assert.That(root.GetProperty("interrupts").GetDouble(), Is.EqualTo(0.031));
        Assert.That(result.Describe().Split('\n'), Has.Length.EqualTo(8));
        Assert.That(result.Describe(), Does.Contain("notifications: 0.0320 each").And.Contain("without an answer 3"));
    }

    private static NetworkPort Start(ModelBench<NetDevice> bench)
    {
        bench.Model.Peer = new WirePeer();
        VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out Failure? failure);
        Assert.That(link, Is.Not.Null, failure?.ToString());
        link!.PlanLook = static () => { };
        var port = new NetworkPort("net0", link!);
        link!.Connect(port.Stack);
        return port;
    }
}
