using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Net;

/// <summary>Commands of the control queue and their answers (virtio 1.4, 5.1.9.5).</summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.IndirectDescriptors)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
internal sealed class NetControlTests(ulong ring)
{
    [Test]
    public void Receive_modes_are_turned_on_and_off()
    {
        using ModelBench<NetDevice> bench = NewBench();
        NetControl control = bench.Start(NetUses.All).Control;
        Assert.That(control.TrySetModes(ReceiveModes.Promiscuous, false), Is.EqualTo(ControlStatus.Ok));
        Assert.That(bench.Model.Commands.Modes, Is.Zero);
        Assert.That(
            control.TrySetModes(ReceiveModes.AllMulticast | ReceiveModes.NoBroadcast, true),
            Is.EqualTo(ControlStatus.Ok));
        Assert.That(bench.Model.Commands.Modes, Is.EqualTo(0b100010));
        Assert.That(
            control.TrySetModes(ReceiveModes.AllUnicast | ReceiveModes.NoMulticast | ReceiveModes.NoUnicast, true),
            Is.EqualTo(ControlStatus.Ok));
        Assert.That(bench.Model.Commands.Modes, Is.EqualTo(0b111110));
        Assert.That(control.TrySetModes(ReceiveModes.NoUnicast, false), Is.EqualTo(ControlStatus.Ok));
        Assert.That(bench.Model.Commands.Modes, Is.EqualTo(0b101110));
    }

    [Test]
    public void The_extra_modes_have_a_feature_of_their_own()
    {
        using ModelBench<NetDevice> bench = NewBench(without: NetFeature.ControlReceiveExtra);
        NetControl control = bench.Start(NetUses.All).Control;
        Assert.That(control.TrySetModes(ReceiveModes.AllMulticast, true), Is.EqualTo(ControlStatus.Ok));
        Assert.That(control.TrySetModes(ReceiveModes.AllUnicast, true), Is.EqualTo(ControlStatus.NotOffered));
    }

    [Test]
    public void Stations_and_VLANs_that_were_named_pass()
    {
        using ModelBench<NetDevice> bench = NewBench();
        VirtioNet net = bench.Start(NetUses.All);
        net.Control.TrySetModes(ReceiveModes.Promiscuous, false);
        ulong[] unicast = [0x020000000001];
        ulong[] multicast = [0x01005E000001, 0x01005E000002];

        Assert.That(net.Control.TrySetStations(unicast, multicast), Is.EqualTo(ControlStatus.Ok));
        Assert.That(net.Control.TrySetVlan(7, true), Is.EqualTo(ControlStatus.Ok));

        Assert.That(
            bench.Model.Commands.Stations,
            Is.EqualTo(new[] { "020000000001", "01005E000001", "01005E000002" }));
        Assert.That(
            new[] { "525400123456", "FFFFFFFFFFFF", "020000000001", "01005E000002", "020000000002", "01005E000003" }
                .Select(station => IsReceived(bench, net, station)),
            Is.EqualTo(new[] { true, true, true, true, false, false }));
        Assert.That(
            new[] { 7, 0, 8 }.Select(vlan => IsReceived(bench, net, "525400123456", vlan)),
            Is.EqualTo(new[] { true, false, false }));
        Assert.That(net.Control.TrySetVlan(7, false), Is.EqualTo(ControlStatus.Ok));
        Assert.That(IsReceived(bench, net, "525400123456", 7), Is.False);
    }

    [Test]
    public void What_there_is_not_is_not_asked_for()
    {
        using ModelBench<NetDevice> bench = NewBench();
        NetControl control = bench.Start(NetUses.All).Control;
        int before = bench.Model.Commands.Given.Count;
        Assert.That(control.TrySetVlan(4096, true), Is.EqualTo(ControlStatus.Invalid));
        Assert.That(control.TrySetVlan(-1, true), Is.EqualTo(ControlStatus.Invalid));
        Assert.That(control.TrySetStations(new ulong[65], []), Is.EqualTo(ControlStatus.Invalid));
        Assert.That(control.TrySetStations([], new ulong[65]), Is.EqualTo(ControlStatus.Invalid));
        Assert.That(control.TrySetMacAddress(0x01005E000001), Is.EqualTo(ControlStatus.Invalid));
        Assert.That(control.TrySetMacAddress(0), Is.EqualTo(ControlStatus.Invalid));
        Assert.That(control.TryCoalesceQueue(2, 1, 1), Is.EqualTo(ControlStatus.Invalid));
        Assert.That(control.TrySetGuestOffloads((GuestOffloads)(1UL << 10)), Is.EqualTo(ControlStatus.Invalid));
        Assert.That(bench.Model.Commands.Given, Has.Count.EqualTo(before));
    }

    [Test]
    public void Without_its_feature_no_command_is_given()
    {
        using ModelBench<NetDevice> bench = NetBench.CreateFull(ring | NetFeature.ControlQueue);
        NetControl control = bench.Start(NetUses.All).Control;
        Assert.That(control.TrySetModes(ReceiveModes.Promiscuous, true), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(control.TrySetStations([], []), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(control.TrySetVlan(1, true), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(control.TrySetMacAddress(0x020000000001), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(control.AcknowledgeAnnouncement(), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(control.TrySetGuestOffloads(GuestOffloads.None), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(control.TryCoalesce(true, 1, 1), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(control.TryCoalesceQueue(0, 1, 1), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(control.TryHashTunnels(0), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(bench.Model.Commands.Given, Is.Empty);
    }

    [Test]
    public void The_address_can_be_set()
    {
        using ModelBench<NetDevice> bench = NewBench();
        VirtioNet net = bench.Start(NetUses.All);
        Assert.That(net.Control.TrySetMacAddress(0x020000000009), Is.EqualTo(ControlStatus.Ok));
        Assert.That(net.MacAddress, Is.EqualTo(0x020000000009));
        Assert.That(bench.Model.Configuration[..6].ToArray(), Is.EqualTo(new byte[] { 2, 0, 0, 0, 0, 9 }));
    }

    [Test]
    public void A_device_without_an_address_is_told_the_one_that_was_made_up()
    {
        using ModelBench<NetDevice> bench = NewBench();
        bench.Model.OfferedFeatures &= ~NetFeature.Mac;
        VirtioNet net = bench.Start(NetUses.All);
        byte[] command = bench.Model.Commands.Given.Single(each => each[0] == 1 && each[1] == 1);
        Assert.That(Convert.ToHexString(command.AsSpan(2)), Is.EqualTo(net.MacAddress.ToString("X12")));
    }

    [Test]
    public void An_announcement_is_asked_for_and_acknowledged()
    {
        using ModelBench<NetDevice> bench = NewBench();
        VirtioNet net = bench.Start(NetUses.All);
        Assert.That(net.IsAnnouncementDue, Is.False);
        bench.Model.AsksForAnnouncement = true;
        Assert.That(net.IsAnnouncementDue, Is.True);
        Assert.That(net.Control.AcknowledgeAnnouncement(), Is.EqualTo(ControlStatus.Ok));
        Assert.That((net.IsAnnouncementDue, bench.Model.AsksForAnnouncement), Is.EqualTo((false, false)));
        Assert.That(net.IsLinkUp, Is.True);
    }

    [Test]
    public void Offloads_and_coalescing_reach_the_device()
    {
        using ModelBench<NetDevice> bench = NewBench();
        NetControl control = bench.Start(NetUses.All).Control;
        Assert.That(
            control.TrySetGuestOffloads(GuestOffloads.Checksum | GuestOffloads.Uso6), Is.EqualTo(ControlStatus.Ok));
        Assert.That(bench.Model.Commands.GuestOffloads, Is.EqualTo(NetFeature.GuestChecksum | NetFeature.GuestUso6));
        Assert.That(control.TryCoalesce(isTransmit: true, 8, 100), Is.EqualTo(ControlStatus.Ok));
        Assert.That(control.TryCoalesce(isTransmit: false, 9, 200), Is.EqualTo(ControlStatus.Ok));
        Assert.That(control.TryCoalesceQueue(0, 10, 300), Is.EqualTo(ControlStatus.Ok));
        Assert.That(bench.Model.Commands.Coalescing[1], Is.EqualTo((8u, 100u)));
        Assert.That(bench.Model.Commands.Coalescing[0], Is.EqualTo((10u, 300u)));
    }

    [Test]
    public void What_was_asked_for_is_asked_for_again_after_a_reset()
    {
        using ModelBench<NetDevice> bench = NewBench();
        VirtioNet net = bench.Start(NetUses.All);
        NetControl control = net.Control;
        control.TrySetModes(ReceiveModes.Promiscuous, false);
        control.TrySetModes(ReceiveModes.AllMulticast, true);
        control.TrySetStations([0x020000000001], [0x01005E000001]);
        control.TrySetVlan(0, true);
        control.TrySetVlan(4095, true);
        control.TrySetVlan(5, true);
        control.TrySetVlan(5, false);
        control.TrySetMacAddress(0x020000000009);
        control.TrySetGuestOffloads(GuestOffloads.Checksum);
        control.TryCoalesce(isTransmit: true, 8, 100);
        control.TryCoalesceQueue(0, 10, 300);

        net.Stop();
        Assert.That(bench.Model.Commands.Modes, Is.EqualTo(1));
        Assert.That(net.TryStart(out Failure? failure), Is.True, failure?.ToString());

        NetCommands commands = bench.Model.Commands;
        Assert.That(commands.Modes, Is.EqualTo(2));
        Assert.That(commands.Stations, Is.EqualTo(new[] { "020000000001", "01005E000001" }));
        Assert.That(commands.Vlans, Is.EquivalentTo(new[] { 0, 4095 }));
        Assert.That(net.MacAddress, Is.EqualTo(0x020000000009));
        Assert.That(bench.Model.Configuration[5], Is.EqualTo(9));
        Assert.That(commands.GuestOffloads, Is.EqualTo(NetFeature.GuestChecksum));
        Assert.That(commands.Coalescing[1], Is.EqualTo((8u, 100u)));
        Assert.That(commands.Coalescing[0], Is.EqualTo((10u, 300u)));
    }

    [Test]
    public void A_device_that_comes_back_without_commands_works_without(
        [Values(NetFeature.ControlQueue, NetFeature.ControlReceive, NetFeature.ControlVlan)] ulong missing)
    {
        using ModelBench<NetDevice> bench = NewBench();
        VirtioNet net = bench.Start(NetUses.All);
        net.Control.TrySetModes(ReceiveModes.AllUnicast, true);
        net.Control.TrySetStations([], [0x01005E000001]);
        net.Control.TrySetVlan(9, true);
        net.Stop();
        bench.Model.OfferedFeatures &= ~missing;
        Assert.That(net.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(IsReceived(bench, net, "525400123456"), Is.True);
    }

    [TestCase(CommandAnswer.Error)]
    [TestCase(CommandAnswer.Rubbish)]
    [TestCase(CommandAnswer.Nothing)]
    public void An_answer_that_is_no_yes_is_a_no(CommandAnswer answer)
    {
        using ModelBench<NetDevice> bench = NewBench();
        VirtioNet net = bench.Start(NetUses.All);
        bench.Model.Commands.Answer = answer;
        Assert.That(net.Control.TrySetVlan(1, true), Is.EqualTo(ControlStatus.Refused));
        Assert.That(net.Control.TrySetMacAddress(0x020000000009), Is.EqualTo(ControlStatus.Refused));
        Assert.That(net.MacAddress, Is.EqualTo(0x525400123456));
        Assert.That(net.Count("commands refused"), Is.EqualTo(2));
        Assert.That(net.State, Is.EqualTo(DeviceState.Running));
        bench.Model.Commands.Answer = CommandAnswer.Right;
        Assert.That(net.Control.TrySetVlan(2, true), Is.EqualTo(ControlStatus.Ok));
    }

    [Test]
    public void A_device_that_does_not_answer_needs_a_reset()
    {
        using ModelBench<NetDevice> bench = NewBench();
        VirtioNet net = bench.Start(NetUses.All);
        bench.Model.Commands.Answer = CommandAnswer.Never;
        ulong before = bench.Machine.Time.Nanoseconds;

        Assert.That(net.Control.TrySetVlan(1, true), Is.EqualTo(ControlStatus.Unanswered));

        Assert.That(bench.Machine.Time.Nanoseconds - before, Is.InRange(1_000_000_000UL, 1_100_000_000UL));
        Assert.That(net.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(net.Trouble?.Of("the device"), Is.EqualTo("the device does not answer a command within 1 s"));
        Assert.That(net.Count("commands unanswered"), Is.EqualTo(1));
        Assert.That(net.Control.TrySetVlan(2, true), Is.EqualTo(ControlStatus.NotRunning));
        Assert.That(net.Stop(), Is.True);
        bench.Model.Commands.Answer = CommandAnswer.Right;
        Assert.That(net.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(bench.Model.Commands.Vlans, Is.EquivalentTo(new[] { 1, 2 }), "they count as asked for");
    }

    [Test]
    public void A_device_that_does_not_answer_when_it_is_brought_up_cannot_be_driven()
    {
        using ModelBench<NetDevice> bench = NewBench();
        VirtioNet net = bench.Start(NetUses.All);
        net.Control.TrySetVlan(1, true);
        net.Stop();
        bench.Model.Commands.Answer = CommandAnswer.Never;
        Assert.That(bench.FailToStart(net), Does.Contain("does not answer a command"));
    }

    [Test]
    public void A_broken_control_queue_breaks_the_device()
    {
        using ModelBench<NetDevice> bench = NewBench();
        bench.ExpectsViolations = true;
        VirtioNet net = bench.Start(NetUses.All);
        bench.Model.Commands.Answer = CommandAnswer.Never;
        bench.Machine.Time.OnLook = () =>
        {
            bench.Machine.Time.OnLook = null;
            bench.Model.Queues[2].Ring!.Forge(0x7777);
        };
        Assert.That(net.Control.TrySetVlan(1, true), Is.EqualTo(ControlStatus.NotRunning));
        Assert.That(net.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(net.Trouble?.Of("the device"), Does.StartWith("controlq: the device "));
    }

    [Test]
    public void A_control_queue_without_room_for_a_command_takes_none()
    {
        using ModelBench<NetDevice> bench = NewBench();
        bench.Model.Queues[2].MaximumSize = 1;
        VirtioNet net = bench.Start(NetUses.All);
        Assert.That(net.Control.TrySetVlan(1, true), Is.EqualTo(ControlStatus.NotOffered));
        Assert.That(net.State, Is.EqualTo(DeviceState.Running));
        Assert.That(bench.Model.Commands.Given, Is.Empty);
    }

    [Test]
    public void A_control_queue_that_is_not_there_is_not_used()
    {
        using var bench = new ModelBench<NetDevice>(memory => new NetDevice(memory.GuestMemory, new byte[6])
        {
            OfferedFeatures = FeatureBit.Version1 | ring | NetFeature.Control,
        });
        bench.Start(NetUses.All);
        Assert.That(bench.Model.DriverFeatures & NetFeature.Control, Is.Zero);
    }

    private static bool IsReceived(ModelBench<NetDevice> bench, VirtioNet net, string station, int? vlan = null)
    {
        var sink = new DescribedFrames();
        byte[] frame = NetFrames.Tcp4(50);
        Convert.FromHexString(station).CopyTo(frame, 0);
        byte[] tagged = vlan is int id ? [.. frame[..12], 0x81, 0, (byte)(id >> 8), (byte)id, .. frame[12..]] : frame;
        bench.Model.Receive(tagged);
        bench.Model.Run();
        net.Receive(sink, 8);
        return sink.Frames.Count == 1;
    }

    private ModelBench<NetDevice> NewBench(ulong without = 0) => NetBench.CreateFull(
        (ring | NetFeature.Status | NetFeature.Control | NetFeature.GuestOffloads) & ~without);
}
