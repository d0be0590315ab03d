using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>The initialisation sequence (virtio 1.4, 3.1.1), register write by register write.</summary>
public class InitialisationTests
{
    private const ulong EveryFeature = ulong.MaxValue;

    [Test]
    public void A_disk_is_initialised_in_the_order_of_the_specification()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.StartBlock();
        Assert.That(
            bench.Device.Writes,
            Is.EqualTo(new[]
            {
                "status=0",
                "status=1",
                "status=3",
                "driver_feature[0]=0",
                "driver_feature[1]=5",
                "status=b",
                "config_msix_vector=0",
                "queue_msix_vector[0]=1",
                "queue_size[0]=64",
                "queue_enable[0]=1",
                "status=f",
            }));
    }

    [Test]
    public void The_receive_queue_is_filled_before_DRIVER_OK_and_announced_after_it()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.StartNet();
        Assert.That(bench.Device.Writes.TakeLast(2), Is.EqualTo(new[] { "status=f", "notify[0]" }));
        Assert.That(bench.Device.Writes.Count(w => w == "notify[0]"), Is.EqualTo(1));
        Assert.That(bench.Device.Writes, Has.None.EqualTo("notify[1]"));
        Assert.That(bench.Device.Deliver(new byte[60]), Is.True);
    }

    [Test]
    public void Of_all_features_only_implemented_ones_are_accepted()
    {
        using DeviceBench<SimulatedDisk> disk = Bench.Disk();
        disk.Device.Offered = EveryFeature;
        disk.Device.SetField32(8, 4096);
        disk.Device.SetField32(12, 8);
        VirtioBlock block = disk.StartBlock();
        Assert.That(disk.Device.Accepted, Is.EqualTo(0x9DF_3000_EE76));
        Assert.That(
            block.Describe().Features,
            Is.EqualTo(new[]
            {
                "SIZE_MAX", "SEG_MAX", "GEOMETRY", "RO", "BLK_SIZE", "FLUSH", "TOPOLOGY", "CONFIG_WCE", "DISCARD",
                "WRITE_ZEROES", "LIFETIME", "INDIRECT_DESC", "EVENT_IDX", "VERSION_1",
                "ACCESS_PLATFORM", "RING_PACKED", "IN_ORDER", "ORDER_PLATFORM", "NOTIFICATION_DATA",
                "NOTIF_CONFIG_DATA", "RING_RESET", "SUSPEND",
            }));

        using DeviceBench<SimulatedNetwork> network = Bench.Network();
        network.Device.Offered = EveryFeature;
        network.Device.Configuration[11] = 5;
        VirtioNet net = network.StartNet();
        Assert.That(network.Device.Accepted, Is.EqualTo(0x9DF_3001_0028));
        Assert.That(net.Describe().Features[..3], Is.EqualTo(new[] { "MTU", "MAC", "STATUS" }));
        Assert.That(net.Describe().Features[3..], Is.EqualTo(block.Describe().Features[5..]));
    }

    [Test]
    public void A_device_that_refuses_FEATURES_OK_is_failed_and_reset()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Device.RefusesFeatures = true;
        VirtioBlock block = bench.NewBlock();
        Assert.That(bench.FailToStart(block), Is.EqualTo("did not accept the features VERSION_1 RING_PACKED"));
        Assert.That(bench.Device.Writes.TakeLast(3), Is.EqualTo(new[] { "status=b", "status=83", "status=0" }));
        Assert.That(block.State, Is.EqualTo(DeviceState.Stopped));
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 0, default, 1), Is.EqualTo(BlockStatus.NotRunning));
    }

    [Test]
    public void A_device_without_a_packed_ring_is_driven_with_a_split_one()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Device.Offered = SimulatedDevice.Version1 | (1UL << 28);
        VirtioBlock block = bench.StartBlock();
        Assert.That(bench.Device.Accepted, Is.EqualTo(bench.Device.Offered));
        Assert.That(block.Describe().RingFormat, Is.EqualTo("split"));
    }

    [Test]
    public void A_device_without_VERSION_1_is_refused_as_legacy()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Device.Offered = SimulatedDevice.RingPacked;
        Assert.That(bench.FailToStart(bench.NewBlock()), Does.StartWith("offers the legacy interface only"));
    }

    [Test]
    public void A_slow_reset_is_waited_for()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Device.LooksPerReset = 500;
        VirtioBlock block = bench.StartBlock();
        Assert.That(block.Stop(), Is.True);
        Assert.That(block.State, Is.EqualTo(DeviceState.Stopped));
    }

    [Test]
    public void A_device_that_is_never_reset_is_given_up_within_the_deadline()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Device.LooksPerReset = -1;
        VirtioBlock block = bench.NewBlock();
        ulong before = bench.Machine.Time.Nanoseconds;
        Assert.That(bench.FailToStart(block), Is.EqualTo("does not finish its reset"));
        Assert.That(block.State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(bench.Machine.Time.Nanoseconds - before, Is.LessThan(3 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void An_unconfirmed_reset_cuts_the_device_off_and_quarantines_its_memory()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        VirtioNet net = bench.StartNet();
        bench.Device.LooksPerReset = -1;

        Assert.That(net.Stop(), Is.False);
        Assert.That(net.State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(bench.Function.IsBusMaster, Is.False);
        Assert.That(bench.Machine.Memory.Freed, Is.Zero);
        Assert.That(bench.Machine.Memory.Quarantined, Is.EqualTo(bench.Machine.Memory.Allocated));
        Assert.That(bench.Machine.Lines.Warnings, Has.One.Contains("does not confirm its reset"));
        Assert.That(bench.Machine.Messages.NamesInUse, Is.Empty);
        Assert.That(net.TryTransmit(new byte[60]), Is.EqualTo(TransmitStatus.NotRunning));
    }

    [Test]
    public void A_confirmed_reset_gives_all_back()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        VirtioNet net = bench.StartNet();
        Assert.That(net.Stop(), Is.True);
        Assert.That(net.Stop(), Is.True, "a second time changes nothing");
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
        Assert.That(bench.Machine.Memory.Quarantined, Is.Zero);
        Assert.That(bench.Machine.Messages.NamesInUse, Is.Empty);
        Assert.That(bench.Function.IsMsixEnabled, Is.False);
        Assert.That(bench.Function.IsPinDisabled, Is.True);
        Assert.That(bench.Device.Status, Is.Zero);
        Assert.That(net.Receive(new RecordingFrames(), 10), Is.Zero);
    }

    [Test]
    public void A_device_can_be_started_again_by_a_new_driver()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.StartBlock().Stop();
        bench.StartBlock();
        Assert.That(bench.Device.IsLive, Is.True);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Where_memory_runs_out_the_device_is_failed(int allocations)
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        VirtioNet net = bench.NewNet();
        bench.Machine.Memory.AllocationsLeft = allocations;
        Assert.That(bench.FailToStart(net), Does.StartWith("cannot be given memory"));
    }

    [Test]
    public void A_queue_that_is_missing_or_too_large_is_refused()
    {
        using DeviceBench<SimulatedNetwork> missing = Bench.Network();
        missing.Device.MaximumQueueSize = 0;
        Assert.That(missing.FailToStart(missing.NewNet()), Is.EqualTo("lacks its receiveq1"));

        using DeviceBench<SimulatedNetwork> fewer = Bench.Network();
        fewer.Device.QueueCount = 1;
        Assert.That(fewer.FailToStart(fewer.NewNet()), Is.EqualTo("has fewer queues than its type needs"));

        using DeviceBench<SimulatedNetwork> large = Bench.Network();
        large.Device.MaximumQueueSize = 32769;
        Assert.That(large.FailToStart(large.NewNet()), Does.Contain("larger than the specification allows"));
    }

    /// <summary>As in kvmtool.</summary>
    [TestCase(1024, 0UL)]
    [TestCase(1024, SimulatedDevice.RingPacked)]
    [TestCase(1000, SimulatedDevice.RingPacked)]
    public void A_queue_that_has_one_size_only_gets_it(int size, ulong format)
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Device.Offered = SimulatedDevice.Version1 | format;
        bench.Device.MaximumQueueSize = (ushort)size;
        bench.Device.KeepsQueueSize = true;
        VirtioNet net = bench.StartNet();
        Assert.That(net.Describe().Queues.Select(queue => queue.Size), Is.All.EqualTo(size));
        Assert.That(bench.Device.Deliver(new byte[60]), Is.True);
        Assert.That(net.Receive(new RecordingFrames(), 4), Is.EqualTo(1));
    }

    [Test]
    public void A_queue_whose_one_size_no_ring_can_have_is_refused()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Device.Offered = SimulatedDevice.Version1;
        bench.Device.MaximumQueueSize = 1000;
        bench.Device.KeepsQueueSize = true;
        Assert.That(bench.FailToStart(bench.NewNet()), Is.EqualTo("does not take the size of a queue"));
    }

    [Test]
    public void What_the_device_changed_before_it_was_live_is_seen_once_it_is([Values] bool isRecovery)
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk(64);
        VirtioBlock block = bench.NewBlock();
        if (isRecovery)
        {
            Assert.That(block.TryStart(out _), Is.True);
            bench.Device.SetNeedsReset();
            block.Stop();
        }

        bench.Device.BeforeLive = () => bench.Device.Configuration[0] = 32;
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(block.Capacity, Is.EqualTo(32));
    }

    [Test]
    public void A_link_that_fell_before_the_device_was_live_is_down()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Device.Offered |= 1UL << 16;
        bench.Device.Configuration[6] = 1;
        bench.Device.BeforeLive = () => bench.Device.Configuration[6] = 0;
        Assert.That(bench.StartNet().IsLinkUp, Is.False);
    }

    [Test]
    public void Limits_that_change_when_all_was_made_for_them_stay_what_they_were([Values] bool isLive)
    {
        const ulong Limits = (1UL << 1) | (1UL << 2) | (1UL << 6);
        using DeviceBench<SimulatedDisk> bench = Bench.Disk(64);
        bench.Device.Offered |= Limits;
        bench.Device.SetField32(8, 4096);
        bench.Device.SetField32(12, 4);
        bench.Device.SetField32(20, 4096);
        void Change()
        {
            bench.Device.SetField32(8, 0);
            bench.Device.SetField32(12, 0);
            bench.Device.SetField32(20, 3);
        }

        bench.Device.BeforeLive = isLive ? null : Change;
        VirtioBlock block = bench.StartBlock();
        if (isLive)
        {
            bench.Device.ChangeConfiguration(_ => Change());
        }

        Assert.That(
            (block.State, block.Queue(0).MaximumSegments, block.MaximumSegmentLength, block.BlockSize),
            Is.EqualTo((DeviceState.Running, 4, 4096u, 4096u)));
    }

    [Test]
    public void An_MTU_and_an_address_that_change_under_a_live_card_harm_nothing([Values] bool isLive)
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Device.Offered |= (1UL << 3) | (1UL << 5);
        new byte[] { 0x52, 0x54, 0, 1, 2, 3 }.CopyTo(bench.Device.Configuration, 0);
        bench.Device.Configuration[10] = 100;
        bench.Device.BeforeLive = isLive ? null : () => bench.Device.Configuration.AsSpan().Clear();
        VirtioNet net = bench.StartNet();
        if (isLive)
        {
            bench.Device.ChangeConfiguration(configuration => configuration.AsSpan().Clear());
        }

        Assert.That(
            (net.State, net.Mtu, net.MacAddress), Is.EqualTo((DeviceState.Running, 100, 0x525400010203UL)));
    }

    [Test]
    public void A_device_that_needs_a_reset_at_once_is_refused()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Device.NeedsResetAtOnce = true;
        Assert.That(bench.FailToStart(bench.NewBlock()), Is.EqualTo("asks for a reset as soon as it is live"));
    }

    [Test]
    public void A_configuration_that_changes_while_it_is_read_is_read_again()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk(64);
        bench.Device.ChangesDuringReads = 7;
        Assert.That(bench.StartBlock().Capacity, Is.EqualTo(64));
        Assert.That(bench.Device.ChangesDuringReads, Is.Zero);
    }

    [Test]
    public void A_configuration_that_never_settles_is_refused()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        bench.Device.ChangesDuringReads = int.MaxValue;
        Assert.That(bench.FailToStart(bench.NewBlock()), Is.EqualTo("changes its configuration without end"));
    }

    [Test]
    public void A_device_that_asks_for_a_reset_while_running_is_noticed()
    {
        using DeviceBench<SimulatedDisk> bench = Bench.Disk();
        VirtioBlock block = bench.StartBlock();
        bench.Device.SetNeedsReset();
        Assert.That(block.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(block.Trouble?.Of("the device"), Is.EqualTo("the device asks for a reset"));
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "configuration" }));
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 0, default, 1), Is.EqualTo(BlockStatus.NotRunning));
        Assert.That(block.Stop(), Is.True);
    }

    [Test]
    public void Every_feature_bit_has_a_name_or_a_number()
    {
        DeviceType block = DriverRegistry.Find(DeviceTypes.Block)!;
        DeviceType network = DriverRegistry.Find(DeviceTypes.Network)!;
        Assert.That(block.NameOf(9), Is.EqualTo("FLUSH"));
        Assert.That(network.NameOf(9), Is.EqualTo("GUEST_ECN"));
        Assert.That(block.NameOf(20), Is.EqualTo("bit 20"));
        Assert.That(network.NameOf(41), Is.EqualTo("ADMIN_VQ"));
        Assert.That(block.NamesOf((Features)ulong.MaxValue), Has.Length.EqualTo(64).And.Unique);
        Assert.That(network.NamesOf((Features)ulong.MaxValue), Has.Length.EqualTo(64).And.Unique);
    }
}
