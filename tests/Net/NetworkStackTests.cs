using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests;

public sealed class NetworkStackTests
{
    [TestCase(67)]
    [TestCase(65536)]
    [TestCase(0)]
    [TestCase(-1)]
    public void An_MTU_that_it_cannot_work_with_is_refused(int mtu)
    {
        Assert.That(
            () => new NetworkStack(new SimulatedLink(mtu)), Throws.ArgumentException.With.Message.Contains($"{mtu}"));
    }

    [TestCase(68)]
    [TestCase(576)]
    [TestCase(1500)]
    [TestCase(9000)]
    [TestCase(65535)]
    public void Any_other_MTU_works_for_DHCP_and_the_largest_echo(int mtu)
    {
        var network = new Network(mtu);
        network.Link.Peer = network.Router.OnFrame;

        Assert.That(network.Stack.Dhcp(TimeSpan.FromSeconds(1)).Status, Is.EqualTo(DhcpStatus.Bound));
        PingResult result = network.Stack.Ping(Router.Address, 1, TimeSpan.FromSeconds(1), new byte[mtu - 28]);
        Assert.That(result.Status, Is.EqualTo(PingStatus.Replied));
    }

    [Test]
    public void An_address_that_cannot_work_changes_nothing()
    {
        Network network = Network.WithAddress();
        IPv4Configuration? before = network.Stack.Configuration;

        Assert.That(network.Stack.TrySetStatic(IPv4Address.Broadcast, 24, IPv4Address.Any), Is.False);
        Assert.That(network.Stack.TrySetStatic(Network.OwnAddress, 24, Network.OwnAddress), Is.False);

        Assert.That(network.Stack.Configuration, Is.SameAs(before));
    }

    [TestCase(false)]
    [TestCase(true)]
    public void An_observer_sees_the_frames_of_both_ways(bool isBatched)
    {
        Network network = Network.WithAddress();
        List<bool> ways = [];
        network.Stack.Observer = new WayObserver(ways);
        byte[] frame = new byte[60];

        if (isBatched)
        {
            network.Stack.BeginBatch();
            network.Stack.OnBatchedFrame(frame, FrameChecksum.Unknown);
            network.Stack.OnBatchedFrame(frame, FrameChecksum.Unknown);
            network.Stack.EndBatch();
        }
        else
        {
            network.Stack.OnFrame(frame, FrameChecksum.Unknown);
            network.Stack.OnFrame(frame, FrameChecksum.Unknown);
        }

        network.Stack.Announce();
        Assert.That(ways, Is.EqualTo((bool[])[false, false, true]));
    }

    [Test]
    public void Frames_and_bytes_are_counted_both_ways()
    {
        Network network = Network.WithRouter();

        network.Stack.Ping(Router.Address, 1, TimeSpan.FromSeconds(1), new byte[100]);

        NetworkStatistics statistics = network.Stack.GetStatistics();
        Assert.That(statistics.FramesSent, Is.EqualTo(3), "announcement, ARP request, echo request");
        Assert.That(statistics.BytesSent, Is.EqualTo(60 + 60 + 142));
        Assert.That(statistics.FramesReceived, Is.EqualTo(2));
        Assert.That(statistics.BytesReceived, Is.EqualTo(60 + 142));
        Assert.That(statistics.TotalDropped, Is.Zero);
        Assert.That(statistics.Drops, Is.Empty);
    }

    [Test]
    public void Drops_are_listed_by_reason()
    {
        Network network = Network.WithAddress();
        network.Receive([]);
        network.Receive([1]);
        network.Receive(Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x1234, []));

        NetworkStatistics statistics = network.Stack.GetStatistics();

        Assert.That(statistics.TotalDropped, Is.EqualTo(3));
        Assert.That(statistics.Drops, Is.EqualTo(new Dictionary<DropReason, long>
        {
            [DropReason.EthernetMalformed] = 2,
            [DropReason.EthernetUnknownType] = 1,
        }));
        Assert.That(statistics.Dropped((DropReason)1000), Is.Zero);
    }

    [Test]
    public void Every_reason_has_a_text_of_its_own_in_ASCII()
    {
        string[] words = [.. Enum.GetValues<DropReason>().Select(reason => reason.Describe())];

        Assert.That(words, Is.Unique);
        Assert.That(words, Has.None.EqualTo(((DropReason)1000).Describe()));
        Assert.That(words.SelectMany(text => text), Has.All.Matches<char>(char.IsAscii));
    }

    [Test]
    public void Every_result_has_a_text_of_its_own()
    {
        SendStatus[] sendFailures =
            [.. Enum.GetValues<SendStatus>().Except([SendStatus.Sent, SendStatus.Queued, SendStatus.Closed])];
        PingResult[] failed =
        [
            PingResults.TimedOut,
            PingResults.NoNeighbour,
            PingResults.NotUnicast,
            PingResults.Unreachable(Router.Address, 1),
            .. sendFailures.Select(PingResults.NotSent),
        ];
        string[] pings = [.. failed.Select(result => result.Failure!.ToString())];
        string[] leases =
        [
            .. Enum.GetValues<DhcpStatus>().Where(status => status != DhcpStatus.Bound)
                .Select(status => new DhcpResult(status).ToString()),
        ];

        Assert.That(failed.Select(result => result.Status).Distinct().Count(), Is.EqualTo(6), "all but a reply");
        Assert.That(pings, Is.Unique.And.None.EqualTo("unknown result"));
        Assert.That(leases, Is.Unique.And.None.EqualTo("unknown result"));
    }

    [Test]
    public void Receiving_allocates_nothing()
    {
        Network network = Network.WithAddress();
        using UdpSocket socket = network.Stack.OpenUdp(7000)!;
        network.IntroduceNeighbour();
        network.Link.IsAudited = false;
        byte[] ask = Frames.Arp(1, Network.NeighbourHardware, Network.NeighbourAddress, default, Network.OwnAddress);
        byte[] datagram = Frames.Udp(Network.NeighbourAddress, Network.OwnAddress, 9, 7000, [1, 2, 3]);
        byte[][] frames =
        [
            Frames.Ethernet(MacAddress.Broadcast, Network.NeighbourHardware, 0x0806, ask),
            Packet(1, Frames.Icmp(8, 0, 1, 1, new byte[1000])),
            Packet(1, Frames.Icmp(0, 0, 1, 1, new byte[1000])),
            Packet(17, datagram),
            Packet(99, datagram),
            new byte[14],
            .. Frames.Fragments(Large(1), 1480).Select(Framed),
            .. Frames.Fragments(Large(2), 1480)[..^1].Select(Framed),
        ];
        byte[] buffer = new byte[100];
        Work(10);

        long before = GC.GetAllocatedBytesForCurrentThread();
        Work(1000);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);

        void Work(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                foreach (byte[] frame in frames)
                {
                    network.Stack.OnFrame(frame);
                }

                socket.TryReceive(buffer, TimeSpan.Zero, out _);
            }
        }

        static byte[] Large(ushort identification) => Frames.IPv4(
            Network.NeighbourAddress,
            Network.OwnAddress,
            1,
            Frames.Icmp(8, 0, 1, 1, new byte[9000]),
            identification: identification);

        static byte[] Packet(byte protocol, byte[] payload) =>
            Framed(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, protocol, payload));

        static byte[] Framed(byte[] packet) =>
            Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x0800, packet);
    }

    [Test, CancelAfter(60_000)]
    public void Real_threads_ping_at_the_same_time_while_another_delivers(CancellationToken cancellation)
    {
        const int Threads = 4;
        const int Rounds = 200;
        using BlockingCollection<byte[]> wire = [];
        var link = new SimulatedLink() { ExpectedSource = () => Network.OwnAddress, Peer = wire.Add };
        var stack = new NetworkStack(link);
        Task driver = Task.Run(
            () =>
            {
                foreach (byte[] frame in wire.GetConsumingEnumerable(cancellation))
                {
                    foreach (byte[] answer in Answers(frame))
                    {
                        stack.OnFrame(answer);
                    }
                }
            },
            cancellation);
        stack.TrySetStatic(Network.OwnAddress, 24, Router.Address);

        ConcurrentBag<PingResult> results = [];
        Task[] pingers = [.. Enumerable.Range(0, Threads).Select(thread => Task.Run(
            () =>
            {
                for (ushort i = 0; i < Rounds; i++)
                {
                    results.Add(stack.Ping(Router.Address, i, TimeSpan.FromSeconds(10), [(byte)thread]));
                }
            },
            cancellation))];
        Task.WaitAll(pingers, cancellation);
        wire.CompleteAdding();
        driver.Wait(cancellation);

        Assert.That(results, Has.Count.EqualTo(Threads * Rounds));
        Assert.That(results.Select(result => result.Status), Has.All.EqualTo(PingStatus.Replied));
        Assert.That(results.Select(result => result.RoundTripNanoseconds), Has.All.LessThan(10_000_000_000));
    }

    [Test]
    public void The_system_clock_waits_no_longer_than_told()
    {
        var link = new SimulatedLink() { ExpectedSource = () => Network.OwnAddress };
        var stack = new NetworkStack(link);
        stack.TrySetStatic(Network.OwnAddress, 24, IPv4Address.Any);
        TimeSpan start = NetworkClock.System.Now;

        PingResult result = stack.Ping(Network.NeighbourAddress, 1, TimeSpan.FromMilliseconds(50), []);

        Assert.That(result.Status, Is.EqualTo(PingStatus.TimedOut));
        Assert.That(
            NetworkClock.System.Now - start,
            Is.InRange(TimeSpan.FromMilliseconds(50), TimeSpan.FromSeconds(5)));
    }

    private static IEnumerable<byte[]> Answers(byte[] frame)
    {
        if (Frames.WordAt(frame, 12) == 0x0806)
        {
            byte[] reply = Frames.Arp(
                2, Router.Hardware, Router.Address, Network.OwnHardware, Network.OwnAddress);
            yield return Frames.Ethernet(Network.OwnHardware, Router.Hardware, 0x0806, reply);
            yield break;
        }

        int end = 14 + Frames.WordAt(frame, 16);
        byte[] echo = Frames.Icmp(0, 0, Frames.WordAt(frame, 38), Frames.WordAt(frame, 40), frame[42..end]);
        byte[] packet = Frames.IPv4(Router.Address, Network.OwnAddress, 1, echo);
        yield return Frames.Ethernet(Network.OwnHardware, Router.Hardware, 0x0800, packet);
    }

    private sealed class WayObserver(List<bool> ways) : FrameObserver
    {
        public override void OnFrame(ReadOnlySpan<byte> frame, bool isSent) => ways.Add(isSent);
    }
}
