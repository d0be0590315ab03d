using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>Virtio over MMIO (virtio 1.4, 4.2), against registers that only take what the table allows.</summary>
public class MmioTransportTests
{
    private const byte Line = 12;

    private RegisterMachine _machine = null!;
    private MmioBlock _block = null!;

    [SetUp]
    public void CreateMachine()
    {
        _machine = new RegisterMachine();
        _block = new MmioBlock(queues: 2, configurationLength: 0x100).In(_machine);
    }

    [TearDown]
    public void CheckDriver()
    {
        _machine.Dispose();
        Assert.That(_block.Violations, Is.Empty);
    }

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
        Assert.That(_block.Writes, Is.Empty, "nothing of the device is changed");
    }

    [Test]
    public void An_empty_place_is_no_failure_and_left_alone()
    {
        _block.DeviceType = 0;
        Assert.That(TryOpen(out string failure), Is.Null);
        Assert.That(failure, Is.Empty);
    }

    [TestCase(0x74726976u, 1u, 2u, "offers the legacy interface only (virtio-mmio version 1)")]
    [TestCase(0x74726976u, 1u, 0u, "offers the legacy interface only (virtio-mmio version 1)")]
    [TestCase(0x74726976u, 3u, 2u, "speaks virtio-mmio version 3, not 2")]
    [TestCase(0xFFFFFFFFu, 0xFFFFFFFFu, 0xFFFFFFFFu, "has no virtio device")]
    [TestCase(0u, 0u, 0u, "has no virtio device")]
    [TestCase(0x74726976u, 2u, 0x10002u, "has a device of no known type")]
    public void What_is_no_device_of_version_2_is_refused(uint magic, uint version, uint type, string reason)
    {
        _block.Magic = magic;
        _block.Version = version;
        _block.DeviceType = type;
        Assert.That(TryOpen(out string failure), Is.Null);
        Assert.That(failure, Is.EqualTo(reason));
        Assert.That(_block.Writes, Is.Empty);
    }

    [TestCase(MmioBlock.Address, 0xFFUL)]
    [TestCase(MmioBlock.Address, 0UL)]
    [TestCase(MmioBlock.Address + 2, 0x200UL)]
    [TestCase(ulong.MaxValue - 0xFF, 0x200UL)]
    public void A_place_that_makes_no_sense_is_refused(ulong address, ulong length)
    {
        Assert.That(MmioTransport.TryCreate(_machine, address, length, Line, out string failure), Is.Null);
        Assert.That(failure, Is.EqualTo("is no place for the registers of a device"));
    }

    [Test]
    public void A_place_that_cannot_be_mapped_is_refused()
    {
        _machine.LastMappable = MmioBlock.Address;
        Assert.That(TryOpen(out string failure), Is.Null);
        Assert.That(failure, Is.EqualTo("cannot be mapped"));
    }

    [Test]
    public void No_more_is_mapped_than_a_device_can_have()
    {
        using RegisterMachine machine = new RegisterMachine();
        new MmioBlock(queues: 1, configurationLength: 4096).In(machine);
        MmioTransport? transport = MmioTransport.TryCreate(
            machine, MmioBlock.Address, 0x10_0000, Line, out string failure);
        Assert.That(failure, Is.Empty);
        Assert.That(transport!.ConfigurationLength, Is.EqualTo(4096));
    }

    [Test]
    public void A_disk_is_initialised_in_the_order_of_the_specification()
    {
        _block.Configuration[0] = 64;
        VirtioBlock block = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(block.TryStart(out string failure), Is.True, failure);
        Assert.That(
            _block.Writes,
            Is.EqualTo(new[]
            {
                "Status=0", "Status=1", "Status=3", "DriverFeatures[0]=0", "DriverFeatures[1]=5", "Status=b",
                "QueueSize[0]=64", "QueueReady[0]=1", "Status=f",
            }));
        Assert.That(block.Capacity, Is.EqualTo(64));
        Assert.That(_block.QueueAt(0).Addresses, Is.Unique.And.None.Zero);
        Assert.That(_block.QueueAt(0).Addresses[0], Is.GreaterThan(uint.MaxValue), "both halves were written");
        Assert.That(_machine.Messages.LineNumber, Is.EqualTo(Line));
        Assert.That(block.Describe().Interrupts, Is.EqualTo("interrupt line 12"));

        Assert.That(block.TrySubmit(BlockOperation.Read, 0, [new Hal.DmaSegment(0x1000, 512)], 1),
            Is.EqualTo(SubmitStatus.Ok));
        block.Notify();
        Assert.That(_block.Writes[^1], Is.EqualTo("QueueNotify=0"));
        Assert.That(block.Stop(), Is.True);
        Assert.That(_machine.Messages.LineHandler, Is.Null);
    }

    [Test]
    public void Bits_of_PCI_are_not_accepted()
    {
        const Features PciBits = Features.SrIov | Features.NotifConfigData | Features.AdminVq;
        _block.Offered |= (ulong)(PciBits | Features.RingReset);
        MmioTransport transport = Open();
        transport.Reset();
        Assert.That(
            FeatureNegotiation.Accept(
                transport,
                DriverRegistry.Find(transport.DeviceType)!,
                (Features)_block.Offered,
                (Features)ulong.MaxValue,
                Features.None,
                out Features accepted),
            Is.Null);
        Assert.That(accepted, Is.EqualTo((Features)_block.Offered & ~PciBits));
        Assert.That(_block.Accepted, Is.EqualTo((ulong)accepted));
        Assert.That(transport.Features, Is.EqualTo(accepted));
    }

    [Test]
    public void A_queue_that_is_ready_before_its_time_is_refused()
    {
        MmioTransport transport = Negotiated();
        _block.QueueAt(1).Ready = 1;
        using QueueLease queue = new QueueLease(_machine, 1, 16);
        Assert.That(transport.EnableQueue(queue.Queue), Does.StartWith("has a queue in use"));
        _block.QueueAt(1).Ready = 0;
        Assert.That(transport.EnableQueue(queue.Queue), Is.Null);
    }

    [Test]
    public void A_queue_larger_than_the_device_takes_is_not_tried()
    {
        MmioTransport transport = Negotiated();
        _block.QueueAt(0).SizeMax = 15;
        using QueueLease queue = new QueueLease(_machine, 0, 16);
        Assert.That(transport.EnableQueue(queue.Queue), Is.EqualTo("does not take the size of a queue"));
        Assert.That(_block.Writes, Has.None.StartsWith("QueueSize"));
    }

    [Test]
    public void A_queue_that_does_not_become_ready_is_noticed()
    {
        MmioTransport transport = Negotiated();
        _block.QueueAt(0).RefusesReady = true;
        using QueueLease queue = new QueueLease(_machine, 0, 16);
        Assert.That(transport.EnableQueue(queue.Queue), Is.EqualTo("does not make a queue ready"));
    }

    [Test]
    public void Sizes_are_read_whatever_they_are()
    {
        MmioTransport transport = Open();
        _block.QueueAt(0).SizeMax = uint.MaxValue;
        Assert.That(transport.ReadMaximumQueueSize(0), Is.EqualTo(int.MaxValue));
        Assert.That(transport.ReadMaximumQueueSize(1), Is.EqualTo(64));
        Assert.That(transport.ReadMaximumQueueSize(2), Is.Zero);
    }

    [Test]
    public void Notifications_carry_the_index_or_how_far_the_queue_is_filled()
    {
        using QueueLease plain = new QueueLease(_machine, 1, 16);
        Assert.That(Negotiated().EnableQueue(plain.Queue), Is.Null);
        plain.Notify(buffers: 3);
        Assert.That(_block.Writes[^1], Is.EqualTo("QueueNotify=1"));

        using QueueLease filled = new QueueLease(_machine, 1, 16);
        Assert.That(Negotiated(Features.NotificationData).EnableQueue(filled.Queue), Is.Null);
        filled.Notify(buffers: 3);
        Assert.That(_block.Writes[^1], Is.EqualTo("QueueNotify=80030001"));
    }

    [TestCase(1u, "queue 0 queue 1")]
    [TestCase(2u, "configuration")]
    [TestCase(3u, "queue 0 queue 1 configuration")]
    public void Both_events_count_and_are_acknowledged(uint events, string told)
    {
        RecordingSink sink = Connected();
        _block.Raise(_machine.Messages, events);
        Assert.That(string.Join(' ', sink.Events), Is.EqualTo(told));
        Assert.That(_block.InterruptStatus, Is.Zero);
    }

    [Test]
    public void An_interrupt_of_somebody_else_is_not_claimed()
    {
        RecordingSink sink = Connected();
        Assert.That(_machine.Messages.LineHandler!.OnInterrupt(), Is.False);
        _block.Set(0xFFFFFFFC);
        Assert.That(_machine.Messages.LineHandler!.OnInterrupt(), Is.False, "undefined events are ignored");
        Assert.That(sink.Events, Is.Empty);
    }

    [Test]
    public void An_event_that_comes_before_the_acknowledgement_is_served_without_an_edge()
    {
        RecordingSink sink = Connected();
        _block.AfterStatusRead = () =>
        {
            _block.AfterStatusRead = null;
            _block.Set(2);
        };
        _block.Raise(_machine.Messages, 1);
        Assert.That(sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1", "configuration" }));
        Assert.That(_block.InterruptStatus, Is.Zero, "the line is down, and can go up again");
    }

    [Test]
    public void A_buffer_used_while_queues_are_looked_at_sets_the_event_again()
    {
        MmioTransport transport = Negotiated();
        LateSink sink = new LateSink(_block);
        Assert.That(transport.ConnectInterrupts("device", new[] { "queue0" }, sink), Is.Null);
        _block.Raise(_machine.Messages, 1);
        Assert.That(sink.Looks, Is.EqualTo(3), "acknowledged first, so neither of the late buffers was missed");
        Assert.That(_block.InterruptStatus, Is.Zero);
    }

    [Test]
    public void A_storm_of_events_ends()
    {
        RecordingSink sink = Connected();
        _block.AfterStatusRead = () => _block.Set(3);
        _block.Set(3);
        Assert.That(_machine.Messages.LineHandler!.OnInterrupt(), Is.True);
        Assert.That(sink.Events, Has.Count.InRange(3, 1000));
    }

    [Test]
    public void A_polled_line_is_told()
    {
        MmioTransport transport = Negotiated();
        _machine.Messages.LinesArePolled = true;
        Assert.That(
            transport.ConnectInterrupts("device", new[] { "queue0" }, new RecordingSink()), Is.Null);
        Assert.That(transport.InterruptKind, Is.EqualTo("polled, line 12"));
        Assert.That(transport.InterruptReason, Is.EqualTo("the machine cannot bring its line"));
    }

    [Test]
    public void Without_its_line_the_device_cannot_be_driven()
    {
        MmioTransport transport = Negotiated();
        _machine.Messages.LinesExist = false;
        Assert.That(
            transport.ConnectInterrupts("device", new[] { "queue0" }, new RecordingSink()),
            Is.EqualTo("cannot have interrupt line 12"));
    }

    [Test]
    public void A_reset_is_waited_for_and_given_up_within_the_deadline()
    {
        MmioTransport transport = Negotiated();
        _block.Status.LooksPerChange = 500;
        Assert.That(transport.Reset(), Is.True);
        Assert.That(transport.Features, Is.EqualTo(Features.None));

        _block.Status.LooksPerChange = -1;
        ulong before = _machine.Time.Nanoseconds;
        Assert.That(transport.Reset(), Is.False);
        Assert.That(_machine.Time.Nanoseconds - before, Is.LessThan(2 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void A_queue_is_reset_and_enabled_again_with_another_size()
    {
        MmioTransport transport = Negotiated(Features.RingReset);
        _block.LooksPerQueueReset = 7;
        using QueueLease first = new QueueLease(_machine, 1, 64);
        Assert.That(transport.EnableQueue(first.Queue), Is.Null);
        Assert.That(transport.ResetQueue(1), Is.True);
        using QueueLease second = new QueueLease(_machine, 1, 8);
        Assert.That(transport.EnableQueue(second.Queue), Is.Null);
        Assert.That(
            _block.Writes.TakeLast(5),
            Is.EqualTo(new[]
            {
                "QueueSize[1]=64", "QueueReady[1]=1", "QueueReset[1]=1", "QueueSize[1]=8", "QueueReady[1]=1",
            }));
    }

    [Test]
    public void A_queue_reset_that_never_ends_or_is_not_there_is_noticed()
    {
        MmioTransport transport = Negotiated(Features.RingReset);
        using QueueLease queue = new QueueLease(_machine, 0, 16);
        Assert.That(transport.EnableQueue(queue.Queue), Is.Null);
        _block.HasQueueReset = false;
        Assert.That(transport.ResetQueue(0), Is.False, "the register reads 0, but the queue is still ready");

        _block.HasQueueReset = true;
        _block.LooksPerQueueReset = -1;
        ulong before = _machine.Time.Nanoseconds;
        Assert.That(transport.ResetQueue(0), Is.False);
        Assert.That(_machine.Time.Nanoseconds - before, Is.LessThan(2 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void Without_RING_RESET_the_register_is_left_alone()
    {
        Assert.That(Negotiated().ResetQueue(0), Is.False);
        Assert.That(_block.Writes, Has.None.StartsWith("QueueReset"));
    }

    [Test]
    public void Shared_memory_is_found_and_nonsense_is_not()
    {
        _block.SharedMemory[1] = (0x12_3456_7000, 0x2_0000_0000);
        _block.SharedMemory[2] = (0x1000, 0);
        _block.SharedMemory[3] = (ulong.MaxValue - 0xFFF, 0x1001);
        MmioTransport transport = Open();
        Assert.That(transport.TryFindSharedMemory(1, out SharedMemoryRegion region), Is.True);
        Assert.That((region.Id, region.Address, region.Length), Is.EqualTo((1, 0x12_3456_7000UL, 0x2_0000_0000UL)));
        Assert.That(transport.TryFindSharedMemory(0, out _), Is.False);
        Assert.That(transport.TryFindSharedMemory(2, out _), Is.False);
        Assert.That(transport.TryFindSharedMemory(3, out _), Is.False);
    }

    [Test]
    public void A_configuration_that_changes_is_read_again_and_one_without_end_refused()
    {
        _block.Configuration[0] = 64;
        _block.ChangesDuringReads = 7;
        VirtioBlock block = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(block.TryStart(out string failure), Is.True, failure);
        block.Stop();

        _block.ChangesDuringReads = int.MaxValue;
        VirtioBlock unsettled = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(unsettled.TryStart(out failure), Is.False);
        Assert.That(failure, Is.EqualTo("changes its configuration without end"));
    }

    [Test]
    public void Configuration_fields_have_their_own_widths()
    {
        for (int i = 0; i < 8; i++)
        {
            _block.Configuration[i] = (byte)(i + 1);
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
            using RegisterMachine machine = new RegisterMachine();
            machine.Add(MmioBlock.Address, 0x200, new NoiseBlock(seeds));
            MmioTransport? transport = MmioTransport.TryCreate(
                machine, MmioBlock.Address, 0x200, Line, out _);
            if (transport != null)
            {
                VirtioBlock block = new VirtioBlock(transport, "disk0", new RecordingSink());
                bool started = block.TryStart(out string failure);
                Assert.That(started, Is.EqualTo(failure.Length == 0));
                machine.Messages.LineHandler?.OnInterrupt();
                block.Stop();
            }
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(300));
    }

    private MmioTransport? TryOpen(out string failure) => MmioTransport.TryCreate(
        _machine, MmioBlock.Address, 0x200, Line, out failure);

    private MmioTransport Open()
    {
        MmioTransport? transport = TryOpen(out string failure);
        Assert.That(failure, Is.Empty);
        return transport!;
    }

    private MmioTransport Negotiated(Features more = Features.None)
    {
        _block.Offered |= (ulong)more;
        MmioTransport transport = Open();
        TransportBench.Negotiate(transport, _block.Offered);
        return transport;
    }

    private RecordingSink Connected()
    {
        RecordingSink sink = new RecordingSink();
        TransportBench.Connect(Negotiated(), sink, 2);
        return sink;
    }

    /// <summary>Finds that the device used two more buffers while it looked.</summary>
    private sealed class LateSink(MmioBlock block) : DeviceEventSink
    {
        public int Looks { get; private set; }

        public override void OnUsedBuffers(ushort queueIndex)
        {
            Looks++;
            if (Looks < 3)
            {
                block.Set(1);
            }
        }

        public override void OnConfigurationChange()
        {
        }
    }

    /// <summary>Registers that read as anything; a reset is confirmed most of the time.</summary>
    private sealed class NoiseBlock(uint[] seeds) : RegisterBlock
    {
        private int _reads;

        public override uint Read(ulong offset, int width) => offset switch
        {
            0x000 => 0x74726976,
            0x004 => 2,
            0x008 => 2,
            0x070 when seeds[0] % 64 != 0 => seeds[_reads++ % seeds.Length] & (_reads % 3 == 0 ? 0xFFu : 0u),
            _ => seeds[(_reads++ + (int)offset) % seeds.Length],
        };

        public override void Write(ulong offset, int width, uint value)
        {
        }
    }
}
