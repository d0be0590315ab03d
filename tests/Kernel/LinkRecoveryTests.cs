using System;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Tests;

/// <summary>Network links whose device gets into trouble.</summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.RingPacked)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
internal sealed class LinkRecoveryTests
{
    private static readonly byte[] s_mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

    // Who has 10.0.0.1? Tell 10.0.0.2, whose station is 02:00:00:00:00:02.
    private static readonly byte[] s_arpRequest = Convert.FromHexString(
        "FFFFFFFFFFFF" + "020000000002" + "0806"
        + "0001" + "0800" + "06" + "04" + "0001"
        + "020000000002" + "0A000002" + "000000000000" + "0A000001" + new string('0', 36));

    private readonly ulong _features;

    public LinkRecoveryTests(ulong features)
    {
        _features = FeatureBit.Version1 | NetFeature.Mac | features;
    }

    /// <summary>How a device gets into trouble.</summary>
    public enum Kind
    {
        AsksForReset,
        BreaksReceiveQueue,
        BreaksTransmitQueue,
    }

    [Test]
    public void A_link_comes_back_and_the_address_stays([Values] Kind kind)
    {
        using ModelBench<NetDevice> bench = NewBench();
        NetworkPort port = Start(bench);
        for (int trouble = 1; trouble <= DeviceRecovery.Attempts; trouble++)
        {
            MakeTrouble(bench, port, kind);

            Assert.That(() => port.Link.IsUp, Is.True.After(10_000, 10));
            Assert.That(Device(port).Describe().Restarts, Is.EqualTo(trouble));
            Assert.That(port.Stack.Configuration!.Address.ToString(), Is.EqualTo("10.0.0.1"));
            int before = bench.Model.SentFrames.Count;
            Assert.That(bench.Deliver(s_arpRequest), Is.True);
            Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(before + 1), "the answer");
            Assert.That(port.Link.TrySendNow(s_arpRequest), Is.True);
        }

        Assert.That(Count(port, "frames received"), Is.EqualTo(DeviceRecovery.Attempts), "through all lives");
        port.Remove();
    }

    [Test]
    public void A_frame_that_comes_while_the_device_comes_back_is_taken()
    {
        using ModelBench<NetDevice> bench = NewBench();
        NetworkPort port = Start(bench);
        int before = bench.Model.SentFrames.Count;
        bool isDelivered = false;
        bench.Model.OnRegisterWrite = what =>
        {
            if (what == $"notify[{NetDevice.ReceiveQueue}]" && !isDelivered)
            {
                isDelivered = true;
                Assert.That(bench.Deliver(s_arpRequest), Is.True);
            }
        };

        bench.Model.SetNeedsReset("for the test");

        Assert.That(isDelivered, Is.True);
        Assert.That(() => bench.Model.SentFrames, Has.Count.EqualTo(before + 1).After(10_000, 10), "the answer");
    }

    [Test]
    public void Trouble_that_shows_when_a_frame_is_sent_is_seen_to_although_nobody_flushes()
    {
        using ModelBench<NetDevice> bench = NewBench();
        NetworkPort port = Start(bench);
        ModelQueue transmit = bench.Model.Queues[NetDevice.TransmitQueue];
        transmit.Policy = new HeldBackCompletion();
        while (port.Link.TrySendNow(s_arpRequest))
        {
        }

        transmit.Ring!.Forge(0xFFFF);
        Assert.That(port.Link.TrySend(s_arpRequest), Is.False);
        transmit.Policy = new InOrderCompletion();
        Assert.That(() => port.Link.IsUp, Is.True.After(10_000, 10));
        Assert.That(Device(port).Describe().Restarts, Is.EqualTo(1));
    }

    [Test]
    public void A_link_that_breaks_again_and_again_is_given_up([Values] Kind kind)
    {
        using ModelBench<NetDevice> bench = NewBench();
        NetworkPort port = Start(bench);
        for (int trouble = 0; trouble < DeviceRecovery.Attempts; trouble++)
        {
            MakeTrouble(bench, port, kind);
            Assert.That(() => port.Link.IsUp, Is.True.After(10_000, 10));
        }

        MakeTrouble(bench, port, kind);

        Assert.That(() => Device(port).State, Is.EqualTo(DeviceState.Stopped).After(10_000, 10));
        Assert.That(port.Link.IsUp, Is.False);
        Assert.That(port.Link.TrySendNow(s_arpRequest), Is.False);
        Assert.That(bench.Function!.CanAccessMemory, Is.False);
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
        Assert.That(
            () => bench.Machine.Lines.Warnings[^1],
            Is.EqualTo("net0: given up: it was in trouble after each of 3 attempts").After(10_000, 10));
        Assert.That(
            new ShellBench(port: port).Run("net 0 dhcp"), Does.StartWith("error: net0: "));
    }

    [Test]
    public void A_link_that_does_not_confirm_its_reset_is_quarantined_and_named()
    {
        using ModelBench<NetDevice> bench = NewBench();
        NetworkPort port = Start(bench);
        bench.Model.ResetDelay = int.MaxValue;

        bench.Model.SetNeedsReset("for the test");

        Assert.That(Device(port).State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(bench.Machine.Memory.Quarantined, Is.EqualTo(bench.Machine.Memory.Allocated));
        Assert.That(bench.Machine.Lines.Warnings[^1], Is.EqualTo("net0: given up: it does not confirm a reset"));
        Assert.That(port.Link.IsUp, Is.False);
        Assert.That(port.Link.TrySendNow(s_arpRequest), Is.False);
        var shell = new ShellBench(port: port);
        shell.Devices.Add(Device(port));
        Assert.That(shell.Run("mem"), Does.Contain("    by net0:"));
        Assert.That(shell.Run("net 0 status"), Does.Contain("link down"));
    }

    [Test]
    public void A_made_up_address_is_kept()
    {
        using ModelBench<NetDevice> bench = NewBench();
        bench.Model.OfferedFeatures &= ~NetFeature.Mac;
        NetworkPort port = Start(bench);
        string address = port.Link.Address.ToString();

        bench.Model.SetNeedsReset("for the test");

        Assert.That(port.Link.IsUp, Is.True);
        Assert.That(((VirtioGuest.Drivers.Virtio.Devices.Net.VirtioNet)Device(port)).HasDeviceMacAddress, Is.False);
        Assert.That(port.Link.Address.ToString(), Is.EqualTo(address));
        int before = bench.Model.SentFrames.Count;
        Assert.That(bench.Deliver(s_arpRequest), Is.True);
        Assert.That(bench.Model.SentFrames, Has.Count.EqualTo(before + 1));
    }

    [Test]
    public void A_device_that_comes_back_as_another_is_given_up([Values] bool hasOtherMtu)
    {
        using ModelBench<NetDevice> bench = NewBench();
        bench.Model.OfferedFeatures |= NetFeature.Mtu;
        NetworkPort port = Start(bench);
        if (hasOtherMtu)
        {
            BitConverter.GetBytes((ushort)1400).CopyTo(bench.Model.ConfigurationStore[10..]);
        }
        else
        {
            bench.Model.ConfigurationStore[5] = 0x57;
        }

        bench.Model.SetNeedsReset("for the test");

        Assert.That(port.Link.IsUp, Is.False);
        Assert.That(port.Link.Mtu, Is.EqualTo(1500));
        Assert.That(bench.Function!.CanAccessMemory, Is.False);
        Assert.That(
            bench.Machine.Lines.Warnings[^1],
            Is.EqualTo("net0: given up: it has another address or a smaller MTU than before"));
    }

    private static void MakeTrouble(ModelBench<NetDevice> bench, NetworkPort port, Kind kind)
    {
        ModelQueue receive = bench.Model.Queues[NetDevice.ReceiveQueue];
        ModelQueue transmit = bench.Model.Queues[NetDevice.TransmitQueue];
        switch (kind)
        {
            case Kind.AsksForReset:
                bench.Model.SetNeedsReset("for the test");
                break;
            case Kind.BreaksReceiveQueue:
                receive.Ring!.Forge(0xFFFF);
                bench.Model.SendUsedNotification(receive);
                break;
            default:
                // No interrupt tells of this one: it is found when buffers run out.
                transmit.Policy = new HeldBackCompletion();
                while (port.Link.TrySendNow(s_arpRequest))
                {
                }

                transmit.Ring!.Forge(0xFFFF);
                Assert.That(port.Link.TrySendNow(s_arpRequest), Is.False);
                transmit.Policy = new InOrderCompletion();
                break;
        }
    }

    private static VirtioDevice Device(NetworkPort port) => ((VirtioLink)port.Link).Device;

    private static ulong Count(NetworkPort port, string name) =>
        Array.Find(Device(port).Describe().Counters, counter => counter.Name == name).Value;

    private static NetworkPort Start(ModelBench<NetDevice> bench)
    {
        VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out Failure? failure);
        Assert.That(link, Is.Not.Null, failure?.ToString());
        link!.PlanLook = static () => { };
        var port = new NetworkPort("net0", link!);
        link!.Connect(port.Stack);
        Assert.That(port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.1"), 24, IPv4Address.Any), Is.True);
        return port;
    }

    private ModelBench<NetDevice> NewBench()
    {
        ModelBench<NetDevice> bench = NetBench.Create(s_mac);
        bench.Model.OfferedFeatures = _features;
        return bench;
    }
}
