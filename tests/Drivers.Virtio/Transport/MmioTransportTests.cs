using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;
using SharedMemoryRegion = VirtioGuest.Drivers.Virtio.Transport.SharedMemoryRegion;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>Virtio over MMIO (virtio 1.4, 4.2), against registers that only take what the table allows.</summary>
public class MmioTransportTests
{
    private const ulong Address = ModelBench<BareDevice>.MmioAddress;
    private const byte Line = ModelBench<BareDevice>.MmioLine;
    private const ushort ConfigurationLength = 0x100;

    private const uint MagicValue = 0x000;
    private const uint Version = 0x004;
    private const uint DeviceId = 0x008;
    private const uint QueueSelect = 0x030;
    private const uint QueueSizeMaximum = 0x034;
    private const uint QueueReady = 0x044;
    private const uint InterruptStatus = 0x060;
    private const uint SharedMemoryLength = 0x0B0;
    private const uint SharedMemoryBase = 0x0B8;

    private ModelBench<BareDevice> _bench = null!;

    private BareDevice Model => _bench.Model;

    private SimulatedMachine Machine => _bench.Machine;

    [SetUp]
    public void CreateMachine() => _bench = NewBench(DeviceTypes.Block);

    [TearDown]
    public void CheckDriver() => _bench.Dispose();

    [Test]
    public void A_device_is_found_and_told()
    {
        MmioTransport transport = Open();
        Assert.That(transport.DeviceType, Is.EqualTo(DeviceTypes.Block));
        Assert.That(transport.Kind, Is.EqualTo("virtio-mmio"));
        Assert.That(transport.Location, Is.EqualTo("0xfeb00e00"));
        Assert.That(transport.ConfigurationLength, Is.EqualTo(0x100));
        Assert.That(transport.InterruptKind, Is.EqualTo("none"));
        Assert.That(transport.VectorOf(0), Is.EqualTo(-1));
        Assert.That(transport.QueueInterrupt(0), Is.Null);
        Assert.That(_bench.Writes, Is.Empty, "nothing of the device is changed");
    }

    [Test]
    public void An_empty_place_is_no_failure_and_left_alone()
    {
        using ModelBench<BareDevice> empty = NewBench(0);
        Assert.That(empty.OpenMmio(out Failure? failure), Is.Null);
        Assert.That(failure, Is.Null);
        Assert.That(empty.Writes, Is.Empty);
    }

    [TestCase(0x74726976u, 1u, 2u, "offers the legacy interface only (virtio-mmio version 1)")]
    [TestCase(0x74726976u, 1u, 0u, "offers the legacy interface only (virtio-mmio version 1)")]
    [TestCase(0x74726976u, 3u, 2u, "speaks virtio-mmio version 3, not 2")]
    [TestCase(0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, "has no virtio device")]
    [TestCase(0u, 0u, 0u, "has no virtio device")]
    [TestCase(0x74726976u, 2u, 0x10002u, "has a device of no known type")]
    public void What_is_no_device_of_version_2_is_refused(uint magic, uint version, uint type, string reason)
    {
        _bench.Pin(MagicValue, 4, magic);
        _bench.Pin(Version, 4, version);
        _bench.Pin(DeviceId, 4, type);
        Assert.That(TryOpen(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Is.EqualTo(reason));
        Assert.That(_bench.Writes, Is.Empty);
    }

    [TestCase(Address, 0xFFUL)]
    [TestCase(Address, 0UL)]
    [TestCase(Address + 2, 0x200UL)]
    [TestCase(ulong.MaxValue - 0xFF, 0x200UL)]
    public void A_place_that_makes_no_sense_is_refused(ulong address, ulong length)
    {
        Assert.That(MmioTransport.TryCreate(Machine, address, length, Line, out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Is.EqualTo("is no place for the registers of a device"));
    }

    [Test]
    public void A_place_that_cannot_be_mapped_is_refused()
    {
        Machine.LastMappable = Address;
        Assert.That(TryOpen(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Is.EqualTo("cannot be mapped"));
    }

    [Test]
    public void No_more_is_mapped_than_a_device_can_have()
    {
        _bench.AddMmio();
        MmioTransport? transport = MmioTransport.TryCreate(Machine, Address, 0x10_0000, Line, out Failure? failure);
        Assert.That(failure, Is.Null);
        Assert.That(transport!.ConfigurationLength, Is.EqualTo(4096));
    }

    [Test]
    public void A_disk_is_initialised_in_the_order_of_the_specification()
    {
        Model.ConfigurationStore[0] = 64;
        VirtioBlock block = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(
            _bench.Writes,
            Is.EqualTo(new[]
            {
                "status=0", "status=1", "status=3", "driver_feature[0]=0", "driver_feature[1]=5", "status=b",
                "queue_size[0]=64", "queue_desc_low[0]", "queue_desc_high[0]", "queue_driver_low[0]",
                "queue_driver_high[0]", "queue_device_low[0]", "queue_device_high[0]", "queue_enable[0]=1", "status=f",
            }));
        Assert.That(block.Capacity, Is.EqualTo(64));
        VirtioGuest.Devices.Rings.QueueAreas areas = Model.Queues[0].Areas;
        Assert.That(new[] { areas.Descriptor, areas.Driver, areas.Device }, Is.Unique.And.None.Zero);
        Assert.That(areas.Descriptor, Is.GreaterThan(uint.MaxValue), "both halves were written");
        Assert.That(block.Describe().Interrupts, Is.EqualTo("interrupt line 12"));

        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Read, 0, [new Hal.DmaSegment(0x1000, 512)], 1),
            Is.EqualTo(BlockStatus.Ok));
        block.Queue(0).Notify();
        Assert.That(_bench.Writes[^1], Is.EqualTo("notify[0]"));
        Assert.That(Interrupt(), Is.EqualTo(1), "somebody waits for the line");
        Assert.That(block.Stop(), Is.True);
        Assert.That(Interrupt(), Is.Zero, "and nobody any more");
    }

    [Test]
    public void Bits_of_PCI_are_not_accepted()
    {
        const Features PciBits = Features.SrIov | Features.NotifConfigData | Features.AdminVq;
        Model.OfferedFeatures |= (ulong)Features.RingReset;
        Model.FalseFeatures = (ulong)PciBits;
        MmioTransport transport = Open();
        var offered = (Features)Model.OfferedFeatures | PciBits;
        TransportBench.Discover(transport);
        Assert.That(FeatureNegotiation.ReadOffered(transport), Is.EqualTo(offered));
        Assert.That(
            FeatureNegotiation.Accept(
                transport,
                DriverRegistry.Find(transport.DeviceType)!,
                offered,
                (Features)ulong.MaxValue,
                Features.None,
                out Features accepted),
            Is.Null);
        Assert.That(accepted, Is.EqualTo(offered & ~PciBits));
        Assert.That(Model.DriverFeatures, Is.EqualTo((ulong)accepted));
        Assert.That(transport.Features, Is.EqualTo(accepted));
    }

    [Test]
    public void A_queue_that_is_ready_before_its_time_is_refused()
    {
        MmioTransport transport = Negotiated();
        using QueueLease other = new QueueLease(Machine, 1, 16);
        Assert.That(transport.EnableQueue(other.Queue), Is.Null);
        using QueueLease queue = new QueueLease(Machine, 1, 16);
        Assert.That(transport.EnableQueue(queue.Queue)?.ToString(), Does.StartWith("has a queue in use"));
        Assert.That(Model.Queues[1].Areas.Descriptor, Is.EqualTo(other.Queue.DescriptorArea), "it is left alone");
        _bench.Mmio!.Registers.Write32(QueueSelect, 1);
        _bench.Mmio.Registers.Write32(QueueReady, 0);
        Assert.That(transport.EnableQueue(queue.Queue), Is.Null);
    }

    [Test]
    public void A_queue_larger_than_the_device_takes_is_not_tried()
    {
        MmioTransport transport = Negotiated();
        Model.Queues[0].MaximumSize = 15;
        using QueueLease queue = new QueueLease(Machine, 0, 16);
        Assert.That(transport.EnableQueue(queue.Queue)?.ToString(), Is.EqualTo("does not take the size of a queue"));
        Assert.That(_bench.Writes, Has.None.StartsWith("queue_size"));
    }

    [Test]
    public void A_queue_that_does_not_become_ready_is_noticed()
    {
        MmioTransport transport = Negotiated();
        _bench.Pin(QueueReady, 4, 0);
        using QueueLease queue = new QueueLease(Machine, 0, 16);
        Assert.That(transport.EnableQueue(queue.Queue)?.ToString(), Is.EqualTo("does not make a queue ready"));
    }

    [Test]
    public void Sizes_are_read_whatever_they_are()
    {
        MmioTransport transport = Open();
        Assert.That(transport.ReadMaximumQueueSize(1), Is.EqualTo(64));
        Assert.That(transport.ReadMaximumQueueSize(2), Is.Zero);
        _bench.Pin(QueueSizeMaximum, 4, uint.MaxValue);
        Assert.That(transport.ReadMaximumQueueSize(0), Is.EqualTo(int.MaxValue));
    }

    [Test]
    public void Notifications_carry_the_index_or_how_far_the_queue_is_filled()
    {
        using QueueLease plain = new QueueLease(Machine, 1, 16);
        MmioTransport transport = Negotiated();
        Assert.That(transport.EnableQueue(plain.Queue), Is.Null);
        transport.Status |= DeviceStatus.DriverOk;
        plain.Notify(buffers: 3);
        Assert.That(_bench.Writes[^1], Is.EqualTo("notify[1]"));
        Assert.That(Model.Queues[1].LastNotification, Is.EqualTo(new QueueNotification(1, null)));

        using QueueLease filled = new QueueLease(Machine, 1, 16);
        transport = Negotiated(Features.NotificationData);
        Assert.That(transport.EnableQueue(filled.Queue), Is.Null);
        transport.Status |= DeviceStatus.DriverOk;
        filled.Notify(buffers: 3);
        Assert.That(_bench.Writes[^1], Is.EqualTo("notify[1]"));
        Assert.That(Model.Queues[1].LastNotification, Is.EqualTo(QueueNotification.FromData(0x80030001)));
    }

    [TestCase(1u, "queue 0 queue 1")]
    [TestCase(2u, "configuration")]
    [TestCase(3u, "queue 0 queue 1 configuration")]
    public void Both_events_count_and_are_acknowledged(uint events, string told)
    {
        RecordingSink sink = Connected();
        Machine.Messages.IsQueued = true;
        Raise(events);
        Assert.That(_bench.Mmio!.InterruptStatus, Is.EqualTo(events));
        Machine.Messages.Deliver();
        Assert.That(string.Join(' ', sink.Events), Is.EqualTo(told));
        Assert.That(_bench.Mmio.InterruptStatus, Is.Zero);
    }

    [Test]
    public void An_interrupt_of_somebody_else_is_not_claimed()
    {
        RecordingSink sink = Connected();
        Assert.That(Interrupt(), Is.EqualTo(1));
        Assert.That(Machine.Messages.Unclaimed, Is.EqualTo(1));
        _bench.Pin(InterruptStatus, 4, 0xFFFFFFFC);
        Assert.That(Interrupt(), Is.EqualTo(1));
        Assert.That(Machine.Messages.Unclaimed, Is.EqualTo(2), "undefined events are ignored");
        Assert.That(sink.Events, Is.Empty);
    }

    [Test]
    public void An_event_that_comes_before_the_acknowledgement_is_served_without_an_edge()
    {
        _bench.IsLinePulsed = true;
        RecordingSink sink = Connected();
        Machine.AfterRead = () =>
        {
            Machine.AfterRead = null;
            Assert.That(_bench.Mmio!.InterruptStatus, Is.EqualTo(1), "what was read is not acknowledged yet");
            Raise(2);
        };
        Raise(1);
        Assert.That(sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1", "configuration" }));
        Assert.That(_bench.Mmio!.InterruptStatus, Is.Zero, "the line is down, and can go up again");
    }

    [Test]
    public void A_buffer_used_while_queues_are_looked_at_sets_the_event_again()
    {
        _bench.IsLinePulsed = true;
        MmioTransport transport = Negotiated();
        LateSink sink = new LateSink(() => Raise(1));
        Assert.That(transport.ConnectInterrupts("device", new[] { "queue0" }, sink), Is.Null);
        Raise(1);
        Assert.That(sink.Looks, Is.EqualTo(3), "acknowledged first, so neither of the late buffers was missed");
        Assert.That(_bench.Mmio!.InterruptStatus, Is.Zero);
    }

    [Test]
    public void A_storm_of_events_ends()
    {
        _bench.IsLinePulsed = true;
        RecordingSink sink = Connected();
        Machine.AfterRead = () => Raise(3);
        Raise(3);
        Machine.AfterRead = null;
        Assert.That(Machine.Messages.Unclaimed, Is.Zero);
        Assert.That(sink.Events, Has.Count.InRange(3, 1000));
    }

    [Test]
    public void A_polled_line_is_told()
    {
        MmioTransport transport = Negotiated();
        Machine.Messages.LinesArePolled = true;
        Assert.That(
            transport.ConnectInterrupts("device", new[] { "queue0" }, new RecordingSink()), Is.Null);
        Assert.That(transport.InterruptKind, Is.EqualTo("polled, line 12"));
        Assert.That(transport.InterruptReason, Is.EqualTo("the machine cannot bring its line"));
    }

    [Test]
    public void Without_its_line_the_device_cannot_be_driven()
    {
        MmioTransport transport = Negotiated();
        Machine.Messages.LinesExist = false;
        Assert.That(
            transport.ConnectInterrupts("device", new[] { "queue0" }, new RecordingSink())?.ToString(),
            Is.EqualTo("cannot have interrupt line 12"));
    }

    [Test]
    public void A_reset_is_waited_for_and_given_up_within_the_deadline()
    {
        MmioTransport transport = Negotiated();
        Model.ResetDelay = 500;
        Assert.That(transport.Reset(), Is.True);
        Assert.That(transport.Features, Is.EqualTo(Features.None));

        transport.Status |= DeviceStatus.Acknowledge;
        Model.ResetDelay = int.MaxValue;
        ulong before = Machine.Time.Nanoseconds;
        Assert.That(transport.Reset(), Is.False);
        Assert.That(Machine.Time.Nanoseconds - before, Is.LessThan(2 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void A_queue_is_reset_and_enabled_again_with_another_size()
    {
        MmioTransport transport = Negotiated(Features.RingReset);
        Model.QueueResetDelay = 7;
        using QueueLease first = new QueueLease(Machine, 1, 64);
        Assert.That(transport.EnableQueue(first.Queue), Is.Null);
        Assert.That(transport.ResetQueue(1), Is.True);
        using QueueLease second = new QueueLease(Machine, 1, 8);
        Assert.That(transport.EnableQueue(second.Queue), Is.Null);
        Assert.That(
            _bench.Writes.Where(line => line.Contains('=')).TakeLast(5),
            Is.EqualTo(new[]
            {
                "queue_size[1]=64", "queue_enable[1]=1", "queue_reset[1]=1", "queue_size[1]=8", "queue_enable[1]=1",
            }));
    }

    [Test]
    public void A_queue_reset_that_never_ends_or_is_not_there_is_noticed()
    {
        MmioTransport transport = Negotiated(Features.RingReset);
        using QueueLease queue = new QueueLease(Machine, 0, 16);
        Assert.That(transport.EnableQueue(queue.Queue), Is.Null);
        Model.IgnoresQueueReset = true;
        Assert.That(transport.ResetQueue(0), Is.False, "the register reads 0, but the queue is still ready");

        Model.IgnoresQueueReset = false;
        Model.QueueResetDelay = int.MaxValue;
        ulong before = Machine.Time.Nanoseconds;
        Assert.That(transport.ResetQueue(0), Is.False);
        Assert.That(Machine.Time.Nanoseconds - before, Is.LessThan(2 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void Without_RING_RESET_the_register_is_left_alone()
    {
        Assert.That(Negotiated().ResetQueue(0), Is.False);
        Assert.That(_bench.Writes, Has.None.StartsWith("queue_reset"));
    }

    [Test]
    public void Shared_memory_is_found_and_nonsense_is_not()
    {
        Model.SharedMemory.Add(new VirtioGuest.Devices.SharedMemoryRegion(5, 1));
        Model.SharedMemory.Add(new VirtioGuest.Devices.SharedMemoryRegion(1, 0x3000));
        MmioTransport transport = Open();
        Assert.That(transport.TryFindSharedMemory(1, out SharedMemoryRegion region), Is.True);
        Assert.That(
            (region.Id, region.Address, region.Length),
            Is.EqualTo((1, ModelBench<BareDevice>.SharedMemoryBase + 0x1000, 0x3000UL)));
        Assert.That(transport.TryFindSharedMemory(0, out _), Is.False);

        Assert.That(Find(0x12_3456_7000, 0x2_0000_0000), Is.EqualTo((0x12_3456_7000UL, 0x2_0000_0000UL)));
        Assert.That(Find(0x1000, 0), Is.Null);
        Assert.That(Find(ulong.MaxValue - 0xFFF, 0x1001), Is.Null);
    }

    /// <summary>What is found where the registers tell of a region.</summary>
    private static (ulong Address, ulong Length)? Find(ulong address, ulong length)
    {
        using ModelBench<BareDevice> bench = NewBench(DeviceTypes.Block);
        bench.Pin(SharedMemoryLength, 4, (uint)length);
        bench.Pin(SharedMemoryLength + 4, 4, (uint)(length >> 32));
        bench.Pin(SharedMemoryBase, 4, (uint)address);
        bench.Pin(SharedMemoryBase + 4, 4, (uint)(address >> 32));
        bool isFound = bench.OpenTransport().TryFindSharedMemory(1, out SharedMemoryRegion region);
        return isFound ? (region.Address, region.Length) : null;
    }

    [Test]
    public void A_configuration_that_changes_is_read_again_and_one_without_end_refused()
    {
        Model.ConfigurationStore[0] = 64;
        int left = 7;
        Model.BeforeConfigurationRead = () =>
        {
            if (left > 0)
            {
                left--;
                Model.ChangeConfiguration(() => { });
            }
        };
        VirtioBlock block = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That((left, block.Capacity), Is.EqualTo((0, 64)));
        block.Stop();

        left = int.MaxValue;
        VirtioBlock unsettled = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(unsettled.TryStart(out failure), Is.False);
        Assert.That(failure?.ToString(), Is.EqualTo("changes its configuration without end"));
    }

    [Test]
    public void Configuration_fields_have_their_own_widths()
    {
        for (int i = 0; i < 8; i++)
        {
            Model.ConfigurationStore[i] = (byte)(i + 1);
        }

        MmioTransport transport = Open();
        Assert.That(transport.ReadConfiguration8(1), Is.EqualTo(2));
        Assert.That(transport.ReadConfiguration16(2), Is.EqualTo(0x0403));
        Assert.That(transport.ReadConfiguration32(4), Is.EqualTo(0x08070605));
        Assert.That(transport.ReadConfiguration64(0), Is.EqualTo(0x0807060504030201));
    }

    [Test]
    public void Any_registers_give_a_disk_or_a_reason()
    {
        Gen<uint> values = Gen.OneOf(Gen.Choose(int.MinValue, int.MaxValue).Select(v => (uint)v),
            Gen.Elements(0u, 1u, 2u, 0x74726976u, 5u, uint.MaxValue));
        Prop.ForAll(values.ArrayOf(0x50).ToArbitrary(), seeds =>
        {
            using SimulatedMachine machine = new SimulatedMachine();
            machine.AddRegisters(Address, new Noise(seeds));
            MmioTransport? transport = MmioTransport.TryCreate(machine, Address, 0x200, Line, out _);
            if (transport != null)
            {
                VirtioBlock block = new VirtioBlock(transport, "disk0", new RecordingSink());
                bool started = block.TryStart(out Failure? failure);
                Assert.That(started, Is.EqualTo(failure is null));
                machine.Messages.PulseLine(Line);
                block.Stop();
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    private static ModelBench<BareDevice> NewBench(ushort type)
    {
        ModelBench<BareDevice> bench = new ModelBench<BareDevice>(
            memory => new BareDevice(memory.GuestMemory, type, queues: 2, ConfigurationLength)
            {
                OfferedFeatures = TransportBench.Version1,
            },
            isMmio: true);
        bench.SetQueueSize(64);
        return bench;
    }

    private MmioTransport? TryOpen(out Failure? failure) => _bench.OpenMmio(out failure);

    private MmioTransport Open() => (MmioTransport)_bench.OpenTransport();

    private MmioTransport Negotiated(Features more = Features.None)
    {
        Model.OfferedFeatures |= (ulong)more;
        MmioTransport transport = Open();
        TransportBench.Negotiate(transport, Model.OfferedFeatures);
        return transport;
    }

    private RecordingSink Connected()
    {
        RecordingSink sink = new RecordingSink();
        MmioTransport transport = Negotiated();
        TransportBench.Connect(transport, sink, 2);
        transport.Status |= DeviceStatus.DriverOk;
        return sink;
    }

    /// <summary>Has the device signal: 1 for a used buffer, 2 for its configuration.</summary>
    private void Raise(uint events)
    {
        if ((events & 1) != 0)
        {
            Model.SendUsedNotification(Model.Queues[0]);
        }

        if ((events & 2) != 0)
        {
            Model.ChangeConfiguration(() => { });
        }
    }

    /// <summary>Somebody else on the line interrupts.</summary>
    /// <returns>How many handlers were called.</returns>
    private int Interrupt()
    {
        Machine.Messages.IsQueued = true;
        Machine.Messages.PulseLine(Line);
        return Machine.Messages.Deliver();
    }

    /// <summary>Finds that the device used two more buffers while it looked.</summary>
    private sealed class LateSink(Action useAnother) : DeviceEventSink
    {
        public int Looks { get; private set; }

        public override void OnUsedBuffers(ushort queueIndex)
        {
            Looks++;
            if (Looks < 3)
            {
                useAnother();
            }
        }

        public override void OnConfigurationChange()
        {
        }
    }

    /// <summary>Registers that read as anything; a reset is confirmed most of the time.</summary>
    private sealed class Noise(uint[] seeds) : RegisterWindow(0x200)
    {
        private int _reads;

        protected override uint Read(uint offset, int width) => offset switch
        {
            0x000 => 0x74726976,
            0x004 => 2,
            0x008 => 2,
            0x070 when seeds[0] % 64 != 0 => seeds[_reads++ % seeds.Length] & (_reads % 3 == 0 ? 0xFFu : 0u),
            _ => seeds[(_reads++ + (int)offset) % seeds.Length],
        };

        protected override void Write(uint offset, int width, uint value)
        {
        }
    }
}
