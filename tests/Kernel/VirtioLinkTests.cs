using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Net;
using VirtioGuest.Simulation;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class VirtioLinkTests
{
    private static readonly IPv4Address s_peer = IPv4Address.Parse(WirePeer.Address);

    private static readonly byte[] s_mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

    // Who has 10.0.0.1? Tell 10.0.0.2, whose station is 02:00:00:00:00:02.
    private static readonly byte[] s_arpRequest = Convert.FromHexString(
        "FFFFFFFFFFFF" + "020000000002" + "0806"
        + "0001" + "0800" + "06" + "04" + "0001"
        + "020000000002" + "0A000002" + "000000000000" + "0A000001" + new string('0', 36));

    [Test]
    public void The_stack_answers_through_the_device()
    {
        using ModelBench<NetDevice> bench = CreateBench();
        VirtioLink link = Start(bench);
        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        Assert.That(
            port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.1"), 24, IPv4Address.Any), Is.True);
        int before = bench.Model.SentFrames.Count;

        Assert.That(bench.Deliver(s_arpRequest), Is.True);

        byte[]? reply = bench.Model.SentFrames.Skip(before).FirstOrDefault(frame => frame[0] == 2);
        Assert.That(reply, Is.Not.Null);
        Assert.That(Convert.ToHexString(reply.AsSpan(0, 14)), Is.EqualTo("020000000002" + "525400123456" + "0806"));
        Assert.That(Convert.ToHexString(reply.AsSpan(20, 12)), Is.EqualTo("0002" + "525400123456" + "0A000001"));
    }

    [Test]
    public void Frames_that_came_before_the_stack_are_taken_when_it_comes()
    {
        using ModelBench<NetDevice> bench = CreateBench();
        VirtioLink link = Start(bench);
        bench.Deliver(s_arpRequest);
        var port = new NetworkPort("net0", link);
        Assert.That(port.Stack.GetStatistics().FramesReceived, Is.Zero);

        link.Connect(port.Stack);

        Assert.That(port.Stack.GetStatistics().FramesReceived, Is.EqualTo(1));
    }

    [Test]
    public void More_frames_than_are_taken_at_once_are_all_taken()
    {
        const int Count = 100;
        using ModelBench<NetDevice> bench = CreateBench();
        bench.SetQueueSize(128);
        VirtioLink link = Start(bench);
        for (int frame = 0; frame < Count; frame++)
        {
            Assert.That(bench.Deliver(s_arpRequest), Is.True);
        }

        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);

        Assert.That(port.Stack.GetStatistics().FramesReceived, Is.EqualTo(Count));
        Assert.That(bench.Deliver(s_arpRequest), Is.True);
        Assert.That(port.Stack.GetStatistics().FramesReceived, Is.EqualTo(Count + 1));
    }

    [Test]
    public void What_is_due_later_is_done_without_anybody_asking()
    {
        using ModelBench<NetDevice> bench = CreateBench();
        VirtioLink link = Start(bench);
        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        Assert.That(port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.1"), 24, IPv4Address.Any), Is.True);
        using TcpSocket socket = port.Stack.OpenTcp();
        int before = bench.Model.SentFrames.Count;

        // Nobody answers the ARP request that comes before the SYN, so it is sent again.
        Assert.That(
            socket.Connect(new IpEndpoint(IPv4Address.Parse("10.0.0.9"), 80)), Is.EqualTo(TcpStatus.Ok));
        Assert.That(() => bench.Model.SentFrames.Count, Is.GreaterThan(before + 1).After(10_000, 20));
        Assert.That(() => socket.Error, Is.EqualTo(TcpStatus.Unreachable).After(10_000, 20));
        port.Remove();
    }

    [Test]
    public void Many_frames_pass_in_both_directions()
    {
        using ModelBench<NetDevice> bench = CreateBench();
        VirtioLink link = Start(bench);
        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        for (int frame = 0; frame < 1000; frame++)
        {
            Assert.That(bench.Deliver(s_arpRequest), Is.True);
            Assert.That(link.TrySendNow(s_arpRequest), Is.True);
        }

        Assert.That(port.Stack.GetStatistics().FramesReceived, Is.EqualTo(1000));
        Assert.That(bench.Model.SentFrames, Has.Count.GreaterThanOrEqualTo(1000));
        Assert.That(bench.Model.SentFrames[^1], Is.EqualTo(s_arpRequest));
    }

    [Test]
    public void A_full_queue_refuses_frames_until_one_is_sent()
    {
        using ModelBench<NetDevice> bench = CreateBench();
        VirtioLink link = Start(bench);
        HeldBackCompletion held = new HeldBackCompletion();
        bench.Model.Queues[NetDevice.TransmitQueue].Policy = held;
        int taken = 0;
        while (taken < 1000 && link.TrySendNow(s_arpRequest))
        {
            taken++;
        }

        Assert.That(taken, Is.InRange(1, 128));
        bench.Complete(held, 0);
        Assert.That(link.TrySendNow(s_arpRequest), Is.True);
        bench.Model.Queues[NetDevice.TransmitQueue].Policy = new InOrderCompletion();
        bench.Model.Run();

        Assert.That(link.TrySendNow(s_arpRequest), Is.True);
    }

    [Test]
    public void A_device_that_sleeps_over_frames_is_woken_although_its_queue_is_not_full()
    {
        using ModelBench<NetDevice> bench = CreateBench();
        VirtioLink link = Start(bench);
        bool isLookDue = false;
        link.PlanLook = () => isLookDue = true;
        bench.Model.Queues[NetDevice.TransmitQueue].Notifications = NotificationMode.Never;
        Assert.That(link.TrySend(s_arpRequest), Is.True);
        link.Flush();
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(1), "the first is announced");

        Assert.That(link.TrySend(s_arpRequest), Is.True);
        link.Flush();
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(1), "the device wants to hear of none");
        Assert.That(isLookDue, Is.True);
        bench.Machine.Time.Advance(1_000_000_000);
        link.LookAfterTransmitted();

        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(2));
    }

    [Test]
    public void The_smallest_MTU_is_taken()
    {
        using ModelBench<NetDevice> bench = CreateBench(mtu: 68);
        bench.Model.OfferedFeatures |= NetFeature.Mtu;
        VirtioLink link = Start(bench);
        Assert.That(link.Mtu, Is.EqualTo(68));
        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        Assert.That(port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.1"), 24, IPv4Address.Any), Is.True);
        int before = bench.Model.SentFrames.Count;

        Assert.That(bench.Deliver(s_arpRequest), Is.True);

        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(before + 1));
    }

    [Test]
    public void A_burst_of_datagrams_is_told_of_once_and_so_are_the_answers_to_a_batch()
    {
        using ModelBench<NetDevice> bench = CreateEchoBench(out NetworkPort port, out UdpSocket socket);
        ulong before = Notifications(port);
        byte[] data = new byte[16 * 100];
        Assert.That(socket.Send(s_peer, 7, data, 100, out int sent), Is.EqualTo(SendStatus.Sent));
        Assert.That((sent, Notifications(port) - before), Is.EqualTo((data.Length, 1ul)));
        Assert.That(bench.Model.SentFrames.Count(frame => frame[37] == 7 && frame.Length == 142), Is.EqualTo(16));

        // The same the other way round: sixteen questions come together, and each is answered.
        before = Notifications(port);
        byte[] question = [.. s_arpRequest];
        question[41] = 2;
        question[31] = 3;
        bench.Model.RunsWhenNotified = false;
        for (int i = 0; i < 16; i++)
        {
            bench.Model.Receive(question);
        }

        bench.Machine.Messages.IsQueued = true;
        bench.Model.Run();
        bench.Machine.Messages.Deliver();
        Assert.That(Notifications(port) - before, Is.EqualTo(1ul));
        socket.Dispose();
    }

    [Test]
    public void Datagrams_there_and_back_allocate_nothing()
    {
        const int Burst = 16;
        using ModelBench<NetDevice> bench = CreateEchoBench(out _, out UdpSocket socket);
        bench.Model.RunsWhenNotified = false;
        bench.Model.OnRegisterWrite = null;
        bench.Machine.Messages.IsQueued = true;
        byte[] data = new byte[Burst * 18];
        byte[] buffer = new byte[100];
        int received = 0;
        long allocated = 0;
        for (int round = 0; round < 40; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            socket.Send(s_peer, 7, data, 18, out _);
            long between = GC.GetAllocatedBytesForCurrentThread();
            bench.Model.Run();
            long after = GC.GetAllocatedBytesForCurrentThread();
            bench.Machine.Messages.Deliver();
            while (socket.TryTake(buffer, isPeek: false, out _))
            {
                received++;
            }

            long end = GC.GetAllocatedBytesForCurrentThread();
            allocated += round < 20 ? 0 : between - before + end - after;
        }

        Assert.That(received, Is.EqualTo(40 * Burst));
        Assert.That(allocated, Is.Zero);
        socket.Dispose();
    }

    private static ModelBench<NetDevice> CreateEchoBench(out NetworkPort port, out UdpSocket socket)
    {
        ModelBench<NetDevice> bench = NetBench.CreateFull(
            FeatureBit.RingPacked | FeatureBit.EventIndex, memory: new SimulatedDmaOptions());
        bench.Model.Peer = new WirePeer();
        VirtioLink link = Start(bench);
        port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.2"), 24, s_peer);
        socket = port.Stack.OpenUdp(0)!;
        Assert.That(socket.Send(s_peer, 9, new byte[1]), Is.EqualTo(SendStatus.Queued), "until the neighbour answers");
        Assert.That(socket.Send(s_peer, 9, new byte[1]), Is.EqualTo(SendStatus.Sent));
        return bench;
    }

    private static ulong Notifications(NetworkPort port) =>
        ((VirtioLink)port.Link).Device.Describe().Queues[1].Notifications;

    private static ModelBench<NetDevice> CreateBench(ushort mtu = 1500)
    {
        ModelBench<NetDevice> bench = NetBench.Create(s_mac, mtu);
        bench.Model.OfferedFeatures |= NetFeature.Mac;
        return bench;
    }

    private static VirtioLink Start(ModelBench<NetDevice> bench)
    {
        VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out Failure? failure);
        Assert.That(link, Is.Not.Null, failure?.ToString());
        link!.PlanLook = static () => { };
        Assert.That(link!.Address.ToString(), Is.EqualTo("52:54:00:12:34:56"));
        return link;
    }
}
