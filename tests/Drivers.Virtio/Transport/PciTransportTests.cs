using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;
using SharedMemoryRegion = VirtioGuest.Drivers.Virtio.Transport.SharedMemoryRegion;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>
/// What virtio-pci has besides the plain case: notification values, queue reset, suspension, shared memory, the window
/// in configuration space (virtio 1.4, 4.1).
/// </summary>
public class PciTransportTests
{
    /// <summary>Where the 64-bit base address is: above all that 32 bits reach.</summary>
    private const ulong StructuresAddress = 0x40_0000_0000;

    private const uint StructuresLength = 0x4000;

    // The model's own capabilities, in their order, and fields of theirs.
    private const int Common = 0;
    private const int Notify = 3;
    private const int Window = 4;
    private const int LengthOfCapability = 2;
    private const int OffsetField = 8;
    private const int LengthField = 12;
    private const int MultiplierField = 16;

    private ModelBench<BareDevice> _bench = null!;
    private WatchedFunction? _watched;

    private BareDevice Model => _bench.Model;

    private SimulatedMachine Machine => _bench.Machine;

    [SetUp]
    public void CreateFunction()
    {
        _bench = new ModelBench<BareDevice>(
            memory => new BareDevice(memory.GuestMemory, DeviceTypes.Block, queues: 3, configurationLength: 0x60)
            {
                OfferedFeatures = TransportBench.Version1,
            });
        _bench.SetQueueSize(64);
        foreach (ModelQueue queue in Model.Queues)
        {
            queue.NotificationConfigurationData = (ushort)(0x100 + queue.Index);
        }

        // Above 4 GB there is nothing but this function.
        Machine.AddRegisters(StructuresAddress, Machine.Bus.MapMmio(StructuresAddress, 0x10_0000));
        SetVectors(0);
        _bench.IsPlaced = false;
        _bench.Firmware = Place;
        Forge(_ => { });
    }

    [TearDown]
    public void CheckDriver()
    {
        _bench.Dispose();
        Assert.That(_watched?.Violations ?? [], Is.Empty);
    }

    [Test]
    public void A_device_behind_a_64_bit_base_address_is_driven()
    {
        Model.ConfigurationStore[0] = 64;
        VirtioBlock block = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(block.Capacity, Is.EqualTo(64));
        Assert.That(block.Describe().Transport, Is.EqualTo("virtio-pci at 00:04.0"));
        Assert.That(_watched!.WindowAccesses, Is.Zero);
        Assert.That(block.Stop(), Is.True);
    }

    [Test]
    public void Feature_words_beyond_the_second_are_left_alone()
    {
        Negotiated(Features.Suspend);
        Assert.That(_watched!.FeatureWords, Is.EqualTo(new[] { 0u, 1u }));
    }

    [Test]
    public void A_notification_is_the_index()
    {
        PciTransport transport = Negotiated();
        using QueueLease queue = Enable(transport, 2);
        transport.Status |= DeviceStatus.DriverOk;
        queue.Notify();
        Assert.That(_bench.Writes[^1], Is.EqualTo("notify[2]"), "at its place, in 16 bits");
        Assert.That(Model.Queues[2].LastNotification, Is.EqualTo(new QueueNotification(2, null)));
    }

    [Test]
    public void With_NOTIF_CONFIG_DATA_it_is_what_the_device_calls_the_queue()
    {
        PciTransport transport = Negotiated(Features.NotifConfigData);
        using QueueLease first = Enable(transport, 1);
        using QueueLease second = Enable(transport, 2);
        transport.Status |= DeviceStatus.DriverOk;
        second.Notify();
        first.Notify();
        Assert.That(_bench.Writes.TakeLast(2), Is.EqualTo(new[] { "notify[2]", "notify[1]" }));
        Assert.That(Model.Queues[1].LastNotification, Is.EqualTo(new QueueNotification(0x101, null)));
        Assert.That(Model.Queues[2].LastNotification, Is.EqualTo(new QueueNotification(0x102, null)));
    }

    [Test]
    public void With_NOTIFICATION_DATA_it_is_one_write_of_32_bits()
    {
        PciTransport transport = Negotiated(Features.NotificationData);
        using QueueLease queue = Enable(transport, 1);
        transport.Status |= DeviceStatus.DriverOk;
        queue.Notify(buffers: 5);
        Assert.That(_bench.Writes[^1], Is.EqualTo("notify[1]"));
        Assert.That(Model.Queues[1].LastNotification, Is.EqualTo(QueueNotification.FromData(0x80050001)));
    }

    [Test]
    public void Both_forms_of_notification_data_go_together()
    {
        PciTransport transport = Negotiated(
            Features.NotificationData | Features.NotifConfigData);
        using QueueLease queue = Enable(transport, 0);
        transport.Status |= DeviceStatus.DriverOk;
        queue.Notify(buffers: 16);
        Assert.That(_bench.Writes[^1], Is.EqualTo("notify[0]"));
        Assert.That(
            Model.Queues[0].LastNotification,
            Is.EqualTo(QueueNotification.FromData(0x100)),
            "slot 0 with the wrap counter 0");
    }

    [TestCase(2u, 1, Description = "unaligned")]
    [TestCase(6u, 1, Description = "unaligned")]
    [TestCase(10u, 1, Description = "two bytes before the end")]
    [TestCase(12u, 1, Description = "at the end")]
    [TestCase(0x1000u, 1, Description = "outside")]
    [TestCase(0xFFFFFFFFu, 0xFFFF, Description = "far outside")]
    public void Notification_data_needs_four_aligned_bytes(uint multiplier, int offset)
    {
        Forge(function => function.Put(Notify, MultiplierField, BitConverter.GetBytes(multiplier)));
        Model.Queues[1].NotifyOffset = (ushort)offset;
        PciTransport transport = Negotiated(Features.NotificationData);
        using QueueLease queue = new QueueLease(Machine, 1, 16);
        Assert.That(
            transport.EnableQueue(queue.Queue)?.ToString(), Does.StartWith("places a queue's notifications outside"));
    }

    [Test]
    public void A_queue_is_reset_and_enabled_again_with_another_size()
    {
        PciTransport transport = Negotiated(Features.RingReset);
        Model.QueueResetDelay = 9;
        Enable(transport, 1, 64).Dispose();
        Assert.That(transport.ResetQueue(1), Is.True);
        Enable(transport, 1, 13).Dispose();
        Assert.That(
            Settings(),
            Is.EqualTo(new[]
            {
                "queue_size[1]=64", "queue_enable[1]=1", "queue_reset[1]=1", "queue_size[1]=13", "queue_enable[1]=1",
            }));
        Assert.That(Model.Queues[1].Size, Is.EqualTo(13));
    }

    [Test]
    public void A_queue_that_was_reset_gets_its_vector_back()
    {
        SetVectors(4);
        PciTransport transport = Negotiated(Features.RingReset);
        TransportBench.Connect(transport, new RecordingSink(), 2);
        Enable(transport, 1).Dispose();
        Assert.That(Model.Queues[1].Vector, Is.EqualTo(2));
        Assert.That(transport.ResetQueue(1), Is.True);
        Assert.That(Model.Queues[1].Vector, Is.EqualTo(ModelQueue.NoVector), "the device forgot it");
        Enable(transport, 1).Dispose();
        Assert.That(Model.Queues[1].Vector, Is.EqualTo(2));
        Assert.That(_bench.Writes.Count(w => w.StartsWith("queue_msix_vector[1]=2")), Is.EqualTo(2));
    }

    [Test]
    public void A_queue_reset_that_never_ends_is_given_up_within_the_deadline()
    {
        PciTransport transport = Negotiated(Features.RingReset);
        Enable(transport, 0).Dispose();
        Model.QueueResetDelay = int.MaxValue;
        ulong before = Machine.Time.Nanoseconds;
        Assert.That(transport.ResetQueue(0), Is.False);
        Assert.That(Machine.Time.Nanoseconds - before, Is.LessThan(2 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void A_queue_that_stays_enabled_was_not_reset()
    {
        PciTransport transport = Negotiated(Features.RingReset);
        Enable(transport, 0).Dispose();
        Model.IgnoresQueueReset = true;
        Assert.That(transport.ResetQueue(0), Is.False);
    }

    [Test]
    public void Without_RING_RESET_the_field_is_left_alone()
    {
        PciTransport transport = Negotiated();
        Enable(transport, 0).Dispose();
        Assert.That(transport.ResetQueue(0), Is.False);
        Assert.That(_bench.Writes, Has.None.StartsWith("queue_reset"));
    }

    [Test]
    public void A_short_common_configuration_has_no_features_beyond_it()
    {
        Forge(function => function.Put(Common, LengthField, BitConverter.GetBytes(0x38)));
        Model.OfferedFeatures |= (ulong)(Features.RingReset | Features.NotifConfigData);
        PciTransport transport = Open();
        TransportBench.Discover(transport);
        Assert.That(
            FeatureNegotiation.Accept(
                transport,
                DriverRegistry.Find(transport.DeviceType)!,
                (Features)Model.OfferedFeatures,
                (Features)ulong.MaxValue,
                Features.None,
                out Features accepted),
            Is.Null);
        Assert.That((ulong)accepted, Is.EqualTo(TransportBench.Version1));
        Assert.That(Model.DriverFeatures, Is.EqualTo(TransportBench.Version1));
    }

    [TestCase(0)]
    [TestCase(100)]
    public void A_device_is_suspended_and_resumed(int looks)
    {
        PciTransport transport = Live(Features.Suspend);
        Model.SuspendDelay = looks;
        Assert.That(transport.IsSuspended, Is.False);
        Assert.That(transport.Suspend(), Is.True);
        Assert.That(transport.IsSuspended, Is.True);
        Assert.That(transport.Suspend(), Is.False, "it is not live");
        Assert.That(transport.Resume(), Is.True);
        Assert.That(transport.IsSuspended, Is.False);
        Assert.That(transport.Status & DeviceStatus.DriverOk, Is.EqualTo(DeviceStatus.DriverOk));
        Assert.That(transport.Resume(), Is.False, "it is not suspended");
    }

    [Test]
    public void A_suspension_that_never_ends_is_given_up_within_the_deadline()
    {
        PciTransport transport = Live(Features.Suspend);
        Model.SuspendDelay = int.MaxValue;
        ulong before = Machine.Time.Nanoseconds;
        Assert.That(transport.Suspend(), Is.False);
        Assert.That(Machine.Time.Nanoseconds - before, Is.LessThan(2 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void DEVICE_NEEDS_RESET_is_a_failed_suspension_or_resumption()
    {
        PciTransport transport = Live(Features.Suspend);
        Model.FailsToSuspend = true;
        ulong before = Machine.Time.Nanoseconds;
        Assert.That(transport.Suspend(), Is.False);

        PciTransport again = Live(Features.Suspend);
        Assert.That(again.Suspend(), Is.True);
        Model.FailsToResume = true;
        Assert.That(again.Resume(), Is.False);
        Assert.That(
            Machine.Time.Nanoseconds - before,
            Is.LessThan(VirtioTransport.ResetDeadline / 10),
            "nothing is waited for");
    }

    [Test]
    public void Without_SUSPEND_the_status_is_left_alone()
    {
        PciTransport transport = Live(0);
        Assert.That(transport.Suspend(), Is.False);
        Assert.That(Model.Status, Is.EqualTo(0xF));
    }

    [Test]
    public void Shared_memory_within_its_base_address_is_found()
    {
        Forge(function => function.Add(
            ForgedFunction.SharedMemory(1, 0, 0xFFFF_FFFF_FFFF_F000, 0x2000),
            ForgedFunction.SharedMemory(1, 0, StructuresLength - 0x1000, 0x1000),
            ForgedFunction.SharedMemory(2, 0, 0x1000, 0x1_0000_0000),
            ForgedFunction.SharedMemory(3, 5, 0, 0x1000)));
        PciTransport transport = Open();
        Assert.That(transport.TryFindSharedMemory(1, out SharedMemoryRegion region), Is.True);
        Assert.That(region.Address, Is.EqualTo(StructuresAddress + StructuresLength - 0x1000));
        Assert.That((region.Id, region.Length), Is.EqualTo((1, 0x1000UL)));
        Assert.That(transport.TryFindSharedMemory(0, out _), Is.False, "no such ID");
        Assert.That(transport.TryFindSharedMemory(2, out _), Is.False, "longer than its base address");
        Assert.That(transport.TryFindSharedMemory(3, out _), Is.False, "no such base address");
    }

    [Test]
    public void A_device_without_a_reachable_base_address_is_driven_through_the_window()
    {
        Model.ConfigurationStore[0] = 64;
        Unplace();
        VirtioBlock block = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(block.Capacity, Is.EqualTo(64));
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Read, 0, [new Hal.DmaSegment(0x1000, 512)], 1),
            Is.EqualTo(BlockStatus.Ok));
        block.Queue(0).Notify();
        Assert.That(_bench.Writes[^1], Is.EqualTo("notify[0]"));
        Assert.That(block.Describe().Transport, Does.StartWith("virtio-pci through configuration space at"));
        Assert.That(_watched!.WindowAccesses, Is.GreaterThan(20));
        Model.SendUsedNotification(Model.Queues[0]);
        Assert.That((_bench.Function!.IsrStatus, Machine.Messages.Unclaimed), Is.EqualTo((0, 0)), "the line is served");
        Assert.That(block.Stop(), Is.True);
    }

    [Test]
    public void A_base_address_that_cannot_be_mapped_is_left_for_the_window()
    {
        Machine.LastMappable = 0xFFFFFFFF;
        PciTransport transport = Negotiated(Features.NotificationData);
        using QueueLease queue = Enable(transport, 1);
        transport.Status |= DeviceStatus.DriverOk;
        queue.Notify(buffers: 2);
        Assert.That(_bench.Writes[^1], Is.EqualTo("notify[1]"));
        Assert.That(Model.Queues[1].LastNotification, Is.EqualTo(QueueNotification.FromData(0x80020001)));
        Assert.That(_watched!.WindowAccesses, Is.Not.Zero);
    }

    [Test]
    public void A_base_address_is_preferred_to_the_window_even_if_it_comes_later()
    {
        Forge(function => function.Insert(0, ForgedFunction.Structure(1, 5, 0, 0x40)));
        PciTransport transport = Open();
        Assert.That(transport.Kind, Is.EqualTo("virtio-pci"));
    }

    [Test]
    public void The_window_does_not_lead_outside_a_base_address()
    {
        Unplace();
        Forge(function => function.Put(Common, OffsetField, BitConverter.GetBytes(StructuresLength - 0x20)));
        Assert.That(_bench.OpenPci(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no common configuration"));
    }

    [Test]
    public void The_window_is_of_no_use_without_a_base_address_to_lead_to()
    {
        Forge(function => function.Put(0x10, new byte[8]));
        Assert.That(_bench.OpenPci(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no common configuration"));
    }

    [Test]
    public void Without_the_window_an_unreachable_device_is_refused()
    {
        Unplace();
        Forge(function => function.Remove(Window));
        Assert.That(_bench.OpenPci(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no common configuration"));
    }

    [Test]
    public void A_short_window_capability_is_none()
    {
        Unplace();
        Forge(function => function.Put(Window, LengthOfCapability, [16]));
        Assert.That(_bench.OpenPci(out _), Is.Null);
    }

    [Test]
    public void Structures_that_overlap_do_no_harm()
    {
        Forge(function => function
            .Put(Notify, OffsetField, new byte[4])
            .Put(Notify, LengthField, BitConverter.GetBytes(0x40))
            .Put(Notify, MultiplierField, new byte[4]));
        PciTransport transport = Negotiated();
        using QueueLease queue = new QueueLease(Machine, 0, 16);
        Assert.That(transport.EnableQueue(queue.Queue), Is.Null);
    }

    private static void Place(PciDeviceFunction function)
    {
        function.WriteConfiguration(0x10, 4, (uint)(StructuresAddress & uint.MaxValue));
        function.WriteConfiguration(0x14, 4, (uint)(StructuresAddress >> 32));
        function.WriteConfiguration(0x18, 4, (uint)SimulatedMachine.PciWindow);
    }

    private void SetVectors(int count) =>
        _bench.Options = new PciFunctionOptions { VectorCount = count, HasWideBaseAddress = true };

    /// <summary>Changes what the function tells of itself.</summary>
    private void Forge(Action<ForgedFunction> forge) => _bench.Alter = function =>
    {
        var forged = new ForgedFunction(function);
        forge(forged);
        return _watched = new WatchedFunction(forged, function, Machine.Bus);
    };

    /// <summary>Leaves the base address of the structures where nobody reaches it.</summary>
    private void Unplace() => _bench.Firmware = _ => { };

    private PciTransport Open() => (PciTransport)_bench.OpenTransport();

    private PciTransport Negotiated(Features more = Features.None)
    {
        Model.OfferedFeatures |= (ulong)more;
        PciTransport transport = Open();
        TransportBench.Negotiate(transport, Model.OfferedFeatures);
        return transport;
    }

    private PciTransport Live(Features more)
    {
        PciTransport transport = Negotiated(more);
        transport.Status |= DeviceStatus.DriverOk;
        return transport;
    }

    private QueueLease Enable(PciTransport transport, int index, int size = 16)
    {
        QueueLease queue = new QueueLease(Machine, index, size);
        Assert.That(transport.EnableQueue(queue.Queue), Is.Null);
        return queue;
    }

    private string[] Settings() => [.. _bench.Writes.Where(line =>
        line.StartsWith("queue_size") || line.StartsWith("queue_enable") || line.StartsWith("queue_reset"))];

    /// <summary>
    /// Watches which feature words are asked for, and how the window in configuration space is used: within a sequence,
    /// as wide as it is set, and into the structures.
    /// </summary>
    private sealed class WatchedFunction : AlteredFunction
    {
        private const uint WindowData = 16;

        private readonly IBusFunction _function;
        private readonly PciBus _bus;
        private readonly uint _window;

        public WatchedFunction(IBusFunction altered, IBusFunction function, PciBus bus)
            : base(altered)
        {
            _function = function;
            _bus = bus;
            _window = function.ReadConfiguration(0x34, 1);
            for (int i = 0; i < Window; i++)
            {
                _window = function.ReadConfiguration(_window + 1, 1);
            }
        }

        /// <summary>How many accesses went through the window.</summary>
        public int WindowAccesses { get; private set; }

        /// <summary>Which feature words were asked for or written.</summary>
        public SortedSet<uint> FeatureWords { get; } = [];

        public List<string> Violations { get; } = [];

        public override uint ReadConfiguration(uint offset, int width)
        {
            Watch(offset, width);
            return base.ReadConfiguration(offset, width);
        }

        public override void WriteConfiguration(uint offset, int width, uint value)
        {
            Watch(offset, width);
            base.WriteConfiguration(offset, width, value);
        }

        public override void WriteBar(int index, ulong offset, int width, uint value)
        {
            if (offset is 0x00 or 0x08)
            {
                FeatureWords.Add(value);
            }

            base.WriteBar(index, offset, width, value);
        }

        private void Watch(uint offset, int width)
        {
            if (offset < _window + WindowData || offset >= _window + WindowData + 4)
            {
                return;
            }

            WindowAccesses++;
            uint bar = _function.ReadConfiguration(_window + 4, 1);
            uint place = _function.ReadConfiguration(_window + OffsetField, 4);
            uint length = _function.ReadConfiguration(_window + LengthField, 4);
            if (_bus.Sequences != 1)
            {
                Violations.Add("the window was used outside a sequence");
            }

            if (length != width || offset != _window + WindowData || place % length != 0 || bar != 0)
            {
                Violations.Add($"the window was used for {width} bytes at {place:x}, set to {length}");
            }
        }
    }
}
