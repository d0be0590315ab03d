using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>The initialisation sequence (virtio 1.4, 3.1.1), register write by register write.</summary>
public class InitialisationTests
{
    private const uint QueueCountField = 0x12;
    private const uint StatusField = 0x14;
    private const uint QueueSizeField = 0x18;

    private const ulong EveryBlockFeature = FeatureBit.All | BlockFeature.SizeMaximum | BlockFeature.SegmentMaximum
        | BlockFeature.Geometry | BlockFeature.ReadOnly | BlockFeature.BlockSize | BlockFeature.Flush
        | BlockFeature.Topology | BlockFeature.ConfigWce | BlockFeature.MultiQueue | BlockFeature.Discard
        | BlockFeature.WriteZeroes | BlockFeature.Lifetime | BlockFeature.SecureErase;

    private const ulong EveryNetFeature = FeatureBit.All | NetFeature.Mtu | NetFeature.Mac | NetFeature.Status;

    [Test]
    public void A_disk_is_initialised_in_the_order_of_the_specification()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Start<VirtioBlock>("disk0");
        Assert.That(
            bench.Writes,
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
                "queue_desc_low[0]",
                "queue_desc_high[0]",
                "queue_driver_low[0]",
                "queue_driver_high[0]",
                "queue_device_low[0]",
                "queue_device_high[0]",
                "queue_enable[0]=1",
                "status=f",
            }));
    }

    [Test]
    public void The_receive_queue_is_filled_before_DRIVER_OK_and_announced_after_it()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Start<VirtioNet>("net0");
        Assert.That(bench.Writes.TakeLast(2), Is.EqualTo(new[] { "status=f", "notify[0]" }));
        Assert.That(bench.Writes.Count(w => w == "notify[0]"), Is.EqualTo(1));
        Assert.That(bench.Writes, Has.None.EqualTo("notify[1]"));
        Assert.That(bench.Deliver(new byte[60]), Is.True);
    }

    [Test]
    public void Of_all_features_only_implemented_ones_are_accepted()
    {
        using ModelBench<BlockDevice> disk = DiskBench.Create();
        disk.Model.OfferedFeatures = EveryBlockFeature;
        disk.Model.FalseFeatures = ~EveryBlockFeature;
        disk.SetField(8, 4096);
        disk.SetField(12, 8);
        VirtioBlock block = disk.Start<VirtioBlock>("disk0");
        Assert.That(disk.Model.DriverFeatures, Is.EqualTo(0x9DF_3001_FE76));
        Assert.That(
            block.Describe().Features,
            Is.EqualTo(new[]
            {
                "SIZE_MAX", "SEG_MAX", "GEOMETRY", "RO", "BLK_SIZE", "FLUSH", "TOPOLOGY", "CONFIG_WCE", "MQ", "DISCARD",
                "WRITE_ZEROES", "LIFETIME", "SECURE_ERASE", "INDIRECT_DESC", "EVENT_IDX", "VERSION_1",
                "ACCESS_PLATFORM", "RING_PACKED", "IN_ORDER", "ORDER_PLATFORM", "NOTIFICATION_DATA",
                "NOTIF_CONFIG_DATA", "RING_RESET", "SUSPEND",
            }));

        using ModelBench<NetDevice> network = NetBench.Create(mtu: 0x500);
        network.Model.OfferedFeatures = EveryNetFeature;
        network.Model.FalseFeatures = ~EveryNetFeature;
        VirtioNet net = network.Start<VirtioNet>("net0");
        Assert.That(network.Model.DriverFeatures, Is.EqualTo(0x9DF_3001_0028));
        Assert.That(net.Describe().Features[..3], Is.EqualTo(new[] { "MTU", "MAC", "STATUS" }));
        Assert.That(net.Describe().Features[3..], Is.EqualTo(block.Describe().Features[13..]));
    }

    [Test]
    public void A_device_that_refuses_FEATURES_OK_is_failed_and_reset()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.RefusesFeatures = true;
        VirtioBlock block = bench.Create<VirtioBlock>("disk0");
        Assert.That(bench.FailToStart(block), Is.EqualTo("did not accept the features VERSION_1 RING_PACKED"));
        Assert.That(bench.Writes.TakeLast(3), Is.EqualTo(new[] { "status=b", "status=83", "status=0" }));
        Assert.That(block.State, Is.EqualTo(DeviceState.Stopped));
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Flush, 0, default, 1), Is.EqualTo(BlockStatus.NotRunning));
    }

    [Test]
    public void A_device_without_a_packed_ring_is_driven_with_a_split_one()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.Version1 | FeatureBit.IndirectDescriptors;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        Assert.That(bench.Model.DriverFeatures, Is.EqualTo(bench.Model.OfferedFeatures));
        Assert.That(block.Describe().RingFormat, Is.EqualTo("split"));
    }

    [Test]
    public void A_device_without_VERSION_1_is_refused_as_legacy()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.RingPacked;
        Assert.That(bench.FailToStart<VirtioBlock>("disk0"), Does.StartWith("offers the legacy interface only"));
    }

    [Test]
    public void A_slow_reset_is_waited_for()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.ResetDelay = 500;
        VirtioBlock block = bench.Create<VirtioBlock>("disk0");
        LeaveAtWork(bench);
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(block.Stop(), Is.True);
        Assert.That(block.State, Is.EqualTo(DeviceState.Stopped));
    }

    [Test]
    public void A_device_that_is_never_reset_is_given_up_within_the_deadline()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.ResetDelay = int.MaxValue;
        VirtioBlock block = bench.Create<VirtioBlock>("disk0");
        LeaveAtWork(bench);
        ulong before = bench.Machine.Time.Nanoseconds;
        Assert.That(bench.FailToStart(block), Is.EqualTo("does not finish its reset"));
        Assert.That(block.State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(bench.Machine.Time.Nanoseconds - before, Is.LessThan(3 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void An_unconfirmed_reset_cuts_the_device_off_and_quarantines_its_memory()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        bench.Model.ResetDelay = int.MaxValue;

        Assert.That(net.Stop(), Is.False);
        Assert.That(net.State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(bench.Function!.CanAccessMemory, Is.False);
        Assert.That(bench.Machine.Memory.Freed, Is.Zero);
        Assert.That(bench.Machine.Memory.Quarantined, Is.EqualTo(bench.Machine.Memory.Allocated));
        Assert.That(bench.Machine.Lines.Warnings, Has.One.Contains("does not confirm its reset"));
        Assert.That(bench.Machine.Messages.NamesInUse, Is.Empty);
        Assert.That(net.TryTransmit(new byte[60]), Is.EqualTo(TransmitStatus.NotRunning));
    }

    [Test]
    public void A_confirmed_reset_gives_all_back()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Stop(), Is.True);
        Assert.That(net.Stop(), Is.True, "a second time changes nothing");
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
        Assert.That(bench.Machine.Memory.Quarantined, Is.Zero);
        Assert.That(bench.Machine.Messages.NamesInUse, Is.Empty);
        Assert.That(bench.Function!.Vectors.IsEnabled, Is.False);
        Assert.That(bench.Function.ReadConfiguration(4, 2) & 0x400, Is.EqualTo(0x400));
        Assert.That(bench.Model.Status, Is.Zero);
        Assert.That(net.Receive(new RecordingFrames(), 10), Is.Zero);
    }

    [Test]
    public void A_device_can_be_started_again_by_a_new_driver()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Start<VirtioBlock>("disk0").Stop();
        bench.Start<VirtioBlock>("disk0");
        Assert.That(bench.Model.IsRunning, Is.True);
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(3)]
    public void Where_memory_runs_out_the_device_is_failed(int allocations)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Create<VirtioNet>("net0");
        bench.Machine.Memory.AllocationsLeft = allocations;
        Assert.That(bench.FailToStart(net), Does.StartWith("cannot be given memory"));
    }

    [Test]
    public void A_queue_that_is_missing_or_too_large_is_refused()
    {
        using ModelBench<NetDevice> missing = NetBench.Create();
        missing.SetQueueSize(0);
        Assert.That(missing.FailToStart<VirtioNet>("net0"), Is.EqualTo("lacks its receiveq1"));

        using ModelBench<NetDevice> fewer = NetBench.Create();
        fewer.Pin(QueueCountField, 2, 1);
        Assert.That(fewer.FailToStart<VirtioNet>("net0"), Is.EqualTo("has fewer queues than its type needs"));

        using ModelBench<NetDevice> large = NetBench.Create();
        large.Pin(QueueSizeField, 2, 32769);
        Assert.That(
            large.FailToStart<VirtioNet>("net0"), Does.Contain("larger than the specification allows"));
    }

    /// <summary>As in kvmtool.</summary>
    [TestCase(1024, 0UL)]
    [TestCase(1024, FeatureBit.RingPacked)]
    [TestCase(1000, FeatureBit.RingPacked)]
    public void A_queue_that_has_one_size_only_gets_it(int size, ulong format)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.Version1 | format;
        FixQueueSize(bench, (ushort)size);
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Describe().Queues.Select(queue => queue.Size), Is.All.EqualTo(size));
        Assert.That(bench.Deliver(new byte[60]), Is.True);
        Assert.That(net.Receive(new RecordingFrames(), 4), Is.EqualTo(1));
    }

    [Test]
    public void A_queue_whose_one_size_no_ring_can_have_is_refused()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures = FeatureBit.Version1;
        bench.Model.PresentsAnySize = true;
        FixQueueSize(bench, 1000);
        Assert.That(bench.FailToStart<VirtioNet>("net0"), Is.EqualTo("does not take the size of a queue"));
    }

    [Test]
    public void What_the_device_changed_before_it_was_live_is_seen_once_it_is([Values] bool isRecovery)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        VirtioBlock block = bench.Create<VirtioBlock>("disk0");
        if (isRecovery)
        {
            Assert.That(block.TryStart(out _), Is.True);
            bench.Model.SetNeedsReset("for the test");
            block.Stop();
        }

        bench.Model.BeforeLive = () => bench.Model.ConfigurationStore[0] = 32;
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(block.Capacity, Is.EqualTo(32));
    }

    [Test]
    public void A_link_that_fell_before_the_device_was_live_is_down()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Model.OfferedFeatures |= NetFeature.Status;
        bench.Model.BeforeLive = () => bench.Model.IsLinkUp = false;
        Assert.That(bench.Start<VirtioNet>("net0").IsLinkUp, Is.False);
    }

    [Test]
    public void Limits_that_change_when_all_was_made_for_them_stay_what_they_were([Values] bool isLive)
    {
        const ulong Limits = BlockFeature.SizeMaximum | BlockFeature.SegmentMaximum | BlockFeature.BlockSize;
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.OfferedFeatures |= Limits;
        bench.SetField(8, 4096);
        bench.SetField(12, 4);
        bench.SetField(20, 4096);
        void Change()
        {
            bench.SetField(8, 0);
            bench.SetField(12, 0);
            bench.SetField(20, 3);
        }

        bench.Model.BeforeLive = isLive ? null : Change;
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        if (isLive)
        {
            bench.Model.ChangeConfiguration(Change);
        }

        Assert.That(
            (block.State, block.Queue(0).MaximumSegments, block.MaximumSegmentLength, block.BlockSize),
            Is.EqualTo((DeviceState.Running, 4, 4096u, 4096u)));
    }

    [Test]
    public void An_MTU_and_an_address_that_change_under_a_live_card_harm_nothing([Values] bool isLive)
    {
        using ModelBench<NetDevice> bench = NetBench.Create([0x52, 0x54, 0, 1, 2, 3], mtu: 100);
        bench.Model.OfferedFeatures |= NetFeature.Mtu | NetFeature.Mac;
        bench.Model.BeforeLive = isLive ? null : () => bench.Model.ConfigurationStore.Clear();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        if (isLive)
        {
            bench.Model.ChangeConfiguration(() => bench.Model.ConfigurationStore.Clear());
        }

        Assert.That(
            (net.State, net.Mtu, net.MacAddress), Is.EqualTo((DeviceState.Running, 100, 0x525400010203UL)));
    }

    [Test]
    public void A_device_that_needs_a_reset_at_once_is_refused()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.BeforeLive = () => bench.Model.SetNeedsReset("for the test");
        Assert.That(bench.FailToStart<VirtioBlock>("disk0"), Is.EqualTo("asks for a reset as soon as it is live"));
    }

    [Test]
    public void A_configuration_that_changes_while_it_is_read_is_read_again()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        int left = 7;
        bench.Model.BeforeConfigurationRead = () =>
        {
            if (left > 0)
            {
                left--;
                bench.Model.ChangeConfiguration(() => { });
            }
        };
        Assert.That(bench.Start<VirtioBlock>("disk0").Capacity, Is.EqualTo(64));
        Assert.That(left, Is.Zero);
    }

    [Test]
    public void A_configuration_that_never_settles_is_refused()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.Model.BeforeConfigurationRead = () => bench.Model.ChangeConfiguration(() => { });
        Assert.That(bench.FailToStart<VirtioBlock>("disk0"), Is.EqualTo("changes its configuration without end"));
    }

    [Test]
    public void A_device_that_asks_for_a_reset_while_running_is_noticed()
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        VirtioBlock block = bench.Start<VirtioBlock>("disk0");
        bench.Model.SetNeedsReset("for the test");
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

    /// <summary>Leaves the device as firmware does that has driven it: a reset changes its status then.</summary>
    private static void LeaveAtWork(ModelBench<BlockDevice> bench) =>
        bench.Function!.WriteBar(0, StatusField, 1, StatusBit.Acknowledge | StatusBit.Driver);

    /// <summary>Gives the queues one size that no driver can change.</summary>
    private static void FixQueueSize(ModelBench<NetDevice> bench, ushort size)
    {
        bench.SetQueueSize(size);
        foreach (ModelQueue queue in bench.Model.Queues)
        {
            queue.HasOneSize = true;
        }
    }
}
