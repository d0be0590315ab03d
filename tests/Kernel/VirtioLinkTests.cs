using System;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class VirtioLinkTests
{
    private const ulong MacFeature = 1UL << 5;
    private const ulong MtuFeature = 1UL << 3;
    private const int MtuField = 10;

    private static readonly byte[] s_mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

    // Who has 10.0.0.1? Tell 10.0.0.2, whose station is 02:00:00:00:00:02.
    private static readonly byte[] s_arpRequest = Convert.FromHexString(
        "FFFFFFFFFFFF" + "020000000002" + "0806"
        + "0001" + "0800" + "06" + "04" + "0001"
        + "020000000002" + "0A000002" + "000000000000" + "0A000001" + new string('0', 36));

    [Test]
    public void The_stack_answers_through_the_device()
    {
        using DeviceBench<SimulatedNetwork> bench = CreateBench();
        VirtioLink link = Start(bench);
        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        Assert.That(
            port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.1"), 24, IPv4Address.Any), Is.True);
        bench.Device.Sent.Clear();

        Assert.That(bench.Device.Deliver(s_arpRequest), Is.True);

        byte[] reply = bench.Device.Sent.Find(frame => frame[0] == 2)!;
        Assert.That(reply, Is.Not.Null);
        Assert.That(Convert.ToHexString(reply.AsSpan(0, 14)), Is.EqualTo("020000000002" + "525400123456" + "0806"));
        Assert.That(Convert.ToHexString(reply.AsSpan(20, 12)), Is.EqualTo("0002" + "525400123456" + "0A000001"));
    }

    [Test]
    public void Frames_that_came_before_the_stack_are_taken_when_it_comes()
    {
        using DeviceBench<SimulatedNetwork> bench = CreateBench();
        VirtioLink link = Start(bench);
        bench.Device.Deliver(s_arpRequest);
        var port = new NetworkPort("net0", link);
        Assert.That(port.Stack.GetStatistics().FramesReceived, Is.Zero);

        link.Connect(port.Stack);

        Assert.That(port.Stack.GetStatistics().FramesReceived, Is.EqualTo(1));
    }

    [Test]
    public void Many_frames_pass_in_both_directions()
    {
        using DeviceBench<SimulatedNetwork> bench = CreateBench();
        VirtioLink link = Start(bench);
        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        for (int frame = 0; frame < 1000; frame++)
        {
            Assert.That(bench.Device.Deliver(s_arpRequest), Is.True);
            Assert.That(link.TrySend(s_arpRequest), Is.True);
        }

        Assert.That(port.Stack.GetStatistics().FramesReceived, Is.EqualTo(1000));
        Assert.That(bench.Device.Sent, Has.Count.GreaterThanOrEqualTo(1000));
        Assert.That(bench.Device.Sent[^1], Is.EqualTo(s_arpRequest));
    }

    [Test]
    public void A_full_queue_refuses_frames_until_one_is_sent()
    {
        using DeviceBench<SimulatedNetwork> bench = CreateBench();
        VirtioLink link = Start(bench);
        bench.Device.HoldsTransmit = true;
        int taken = 0;
        while (taken < 1000 && link.TrySend(s_arpRequest))
        {
            taken++;
        }

        Assert.That(taken, Is.InRange(1, 128));
        bench.Device.CompleteTransmission(0);
        Assert.That(link.TrySend(s_arpRequest), Is.True);
        bench.Device.HoldsTransmit = false;
        while (bench.Device.HeldTransmissions > 0)
        {
            bench.Device.CompleteTransmission(0);
        }

        Assert.That(link.TrySend(s_arpRequest), Is.True);
    }

    [Test]
    public void An_MTU_too_small_for_the_stack_is_refused_with_a_reason()
    {
        using DeviceBench<SimulatedNetwork> bench = CreateBench();
        bench.ExpectsViolations = true;
        bench.Device.Offered |= MtuFeature;
        bench.Device.Configuration[MtuField] = 100;
        bench.Device.Configuration[MtuField + 1] = 0;

        VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out string failure);

        Assert.That(link, Is.Null);
        Assert.That(failure, Is.EqualTo("has an MTU too small for IPv4"));
        Assert.That(bench.Function.IsBusMaster, Is.False);
    }

    private static DeviceBench<SimulatedNetwork> CreateBench()
    {
        DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Device.Offered |= MacFeature;
        s_mac.CopyTo(bench.Device.Configuration, 0);
        return bench;
    }

    private static VirtioLink Start(DeviceBench<SimulatedNetwork> bench)
    {
        VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out string failure);
        Assert.That(link, Is.Not.Null, failure);
        Assert.That(link!.Address.ToString(), Is.EqualTo("52:54:00:12:34:56"));
        return link;
    }
}
