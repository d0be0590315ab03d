using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Drivers.Virtio.Tests.Net;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Tests;

/// <summary>What a link's device does for the stack: checksums, large segments, filters, announcements.</summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
internal sealed class LinkOffloadTests(ulong ring)
{
    private const ulong Everything = NetFeature.All & ~NetFeature.ManyQueues & ~NetFeature.HashReport
        & ~NetFeature.HashTunnel;

    private readonly Queue<Action> _elsewhere = new();

    [TestCase(0UL, LinkOffloads.None)]
    [TestCase(NetFeature.Checksum, LinkOffloads.Checksum)]
    [TestCase(NetFeature.Checksum | NetFeature.HostTso6, LinkOffloads.Checksum)]
    [TestCase(NetFeature.Checksum | NetFeature.HostTso4, LinkOffloads.Checksum | LinkOffloads.TcpSegmentation)]
    [TestCase(NetFeature.HostTso4, LinkOffloads.None)]
    public void The_stack_hears_what_was_negotiated(ulong features, LinkOffloads expected)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | features);
        Assert.That(Start(bench).Link.Offloads, Is.EqualTo(expected));
    }

    [Test]
    public void What_the_stack_leaves_to_the_device_leaves_it_complete()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Everything);
        NetworkPort port = Start(bench);
        Assert.That(port.Link.TrySendNow(NetFrames.Tcp4(100), new FrameOffload(34, 16, 54, 0)), Is.True);
        Assert.That(port.Link.TrySendNow(NetFrames.Tcp4(10_000), new FrameOffload(34, 16, 54, 1460)), Is.True);
        byte[][] sent = [.. bench.Model.SentFrames.TakeLast(8)];
        Assert.That(
            sent.Select(frame => frame.Length),
            Is.EqualTo(new[] { 154, 1514, 1514, 1514, 1514, 1514, 1514, 1294 }));
        Assert.That(sent.All(frame => NetFrames.IsIntact(frame)), Is.True);
    }

    [Test]
    public void A_checksum_that_was_checked_or_never_completed_counts_as_correct(
        [Values(0, NetPacketHeader.NeedsChecksum, NetPacketHeader.DataValid)] byte flags)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Everything);
        NetworkPort port = Start(bench);
        using UdpSocket socket = port.Stack.OpenUdp(80)!;
        byte[] frame = NetFrames.Udp4(100);
        Assert.That(NetFrames.IsIntact(frame), Is.False);
        bench.Model.Receive(new NetPacket(frame, new NetPacketHeader(flags, ChecksumStart: 34, ChecksumOffset: 6)));
        bench.Model.Run();

        bool isReceived = socket.TryReceive(new byte[200], TimeSpan.Zero, out UdpDatagram datagram);
        Assert.That(isReceived, Is.EqualTo(flags != 0));
        Assert.That(datagram.Length, Is.EqualTo(flags != 0 ? 100 : 0));
    }

    [Test]
    public void A_packet_of_64_KiB_arrives_whole([Values] bool isMergeable)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(
            ring | (isMergeable ? Everything : Everything & ~NetFeature.MergeableBuffers));
        NetworkPort port = Start(bench);
        using UdpSocket socket = port.Stack.OpenUdp(80)!;
        byte[] frame = NetFrames.Udp4(65_507);
        bench.Model.Receive(new NetPacket(frame, new NetPacketHeader(2)));
        bench.Model.Run();
        byte[] buffer = new byte[65_507];
        Assert.That(socket.TryReceive(buffer, TimeSpan.Zero, out UdpDatagram datagram), Is.True);
        Assert.That(datagram.Length, Is.EqualTo(65_507));
        Assert.That(buffer, Is.EqualTo(frame[NetFrames.IPv4UdpHeaders..]));
    }

    [Test]
    public void A_device_that_filters_lets_joined_groups_through()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Everything);
        NetworkPort port = Start(bench);
        Assert.That(bench.Model.Commands.Modes, Is.Zero);
        Assert.That(bench.Model.Commands.Vlans, Is.EqualTo(new[] { 0 }));
        UdpSocket socket = port.Stack.OpenUdp(80)!;
        Assert.That(socket.TryJoin(IPv4Address.Parse("224.1.2.3")), Is.True);
        Assert.That(socket.TryJoin(IPv4Address.Parse("239.129.2.3")), Is.True, "the same station");
        Assert.That(socket.TryJoin(IPv4Address.Parse("224.0.0.9")), Is.True);
        Settle();
        Assert.That(bench.Model.Commands.Stations, Is.EqualTo(new[] { "01005E010203", "01005E000009" }));

        bench.Model.SetNeedsReset("for the test");
        Settle();
        Assert.That(port.Link.IsUp, Is.True);
        Assert.That(bench.Model.Commands.Stations, Is.EqualTo(new[] { "01005E010203", "01005E000009" }));
        Assert.That((bench.Model.Commands.Modes, bench.Model.Commands.Vlans.Count), Is.EqualTo((0, 1)));

        socket.Dispose();
        Settle();
        Assert.That(bench.Model.Commands.Stations, Is.Empty);
    }

    [Test]
    public void A_device_that_has_no_room_for_groups_hands_on_all_of_them()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Everything);
        NetworkPort port = Start(bench);
        using UdpSocket socket = port.Stack.OpenUdp(80)!;
        Assert.That(socket.TryJoin(IPv4Address.Parse("224.1.2.3")), Is.True);
        bench.Model.Commands.Answer = CommandAnswer.Error;
        Settle();
        Assert.That(bench.Model.Commands.Given[^1], Is.EqualTo(new byte[] { 0, 1, 1 }), "ALLMULTI on");
    }

    [Test]
    public void A_station_that_was_moved_is_announced()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Everything);
        NetworkPort port = Start(bench);
        Assert.That(port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.1"), 24, IPv4Address.Any), Is.True);
        int before = bench.Model.SentFrames.Count;
        bench.Model.AsksForAnnouncement = true;
        Settle();
        byte[] frame = bench.Model.SentFrames.Skip(before).Single();
        Assert.That(Convert.ToHexString(frame.AsSpan(0, 14)), Is.EqualTo("FFFFFFFFFFFF" + "525400123456" + "0806"));
        Assert.That(frame.AsSpan(28, 4).SequenceEqual(frame.AsSpan(38, 4)), Is.True, "of itself for itself");
        Assert.That(bench.Model.AsksForAnnouncement, Is.False);
    }

    [Test]
    public void A_device_that_comes_back_without_an_offload_is_given_up(
        [Values(NetFeature.Checksum, NetFeature.HostTso4)] ulong feature)
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Everything);
        NetworkPort port = Start(bench);
        bench.Model.OfferedFeatures &= ~feature;
        bench.Model.SetNeedsReset("for the test");
        Settle();
        Assert.That(port.Link.IsUp, Is.False);
        Assert.That(
            bench.Machine.Lines.Warnings[^1], Is.EqualTo("net0: given up: it can do less with frames than before"));
    }

    [Test]
    public void A_device_that_does_not_answer_commands_is_given_up_in_the_end()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | Everything);
        NetworkPort port = Start(bench);
        using UdpSocket socket = port.Stack.OpenUdp(80)!;
        Assert.That(socket.TryJoin(IPv4Address.Parse("224.1.2.3")), Is.True);
        bench.Model.Commands.Answer = CommandAnswer.Never;
        Settle();
        Assert.That(((VirtioLink)port.Link).Device.State, Is.EqualTo(DeviceState.Stopped));
        Assert.That(
            bench.Machine.Lines.Warnings[^1],
            Is.EqualTo("net0: given up: it was in trouble after each of 3 attempts"));
    }

    private void Settle()
    {
        while (_elsewhere.TryDequeue(out Action? work))
        {
            work();
        }
    }

    private NetworkPort Start(ModelBench<NetDevice> bench)
    {
        VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out Failure? failure);
        Assert.That(link, Is.Not.Null, failure?.ToString());
        link!.Elsewhere = _elsewhere.Enqueue;
        link.PlanLook = () => { };
        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        Assert.That(port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.2"), 24, IPv4Address.Any), Is.True);
        return port;
    }
}
