using System.Linq;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>
/// What virtio-pci has besides the plain case: notification values, queue reset, suspension, shared memory, the window
/// in configuration space (virtio 1.4, 4.1).
/// </summary>
public class PciTransportTests
{
    private RegisterMachine _machine = null!;
    private PciBlock _block = null!;
    private ModernFunction _function = null!;

    [SetUp]
    public void CreateFunction()
    {
        _machine = new RegisterMachine();
        _block = new PciBlock(queues: 3, configurationLength: 0x60);
        _function = new ModernFunction(_machine, _block);
    }

    [TearDown]
    public void CheckDriver()
    {
        _machine.Dispose();
        Assert.That(_block.Violations, Is.Empty);
    }

    [Test]
    public void A_device_behind_a_64_bit_base_address_is_driven()
    {
        _block.Configuration[0] = 64;
        VirtioBlock block = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(block.Capacity, Is.EqualTo(64));
        Assert.That(block.Describe().Transport, Is.EqualTo("virtio-pci at 00:04.0"));
        Assert.That(_function.WindowAccesses, Is.Zero);
        Assert.That(block.Stop(), Is.True);
    }

    [Test]
    public void Feature_words_beyond_the_second_are_left_alone()
    {
        Negotiated(Features.Suspend);
        Assert.That(_block.FeatureWords, Is.EqualTo(new[] { 0u, 1u }));
    }

    [Test]
    public void A_notification_is_the_index()
    {
        PciTransport transport = Negotiated();
        using QueueLease queue = Enable(transport, 2);
        queue.Notify();
        Assert.That(_block.Writes[^1], Is.EqualTo("notify+8=2/2"));
    }

    [Test]
    public void With_NOTIF_CONFIG_DATA_it_is_what_the_device_calls_the_queue()
    {
        PciTransport transport = Negotiated(Features.NotifConfigData);
        using QueueLease first = Enable(transport, 1);
        using QueueLease second = Enable(transport, 2);
        second.Notify();
        first.Notify();
        Assert.That(_block.Writes.TakeLast(2), Is.EqualTo(new[] { "notify+8=102/2", "notify+4=101/2" }));
    }

    [Test]
    public void With_NOTIFICATION_DATA_it_is_one_write_of_32_bits()
    {
        PciTransport transport = Negotiated(Features.NotificationData);
        using QueueLease queue = Enable(transport, 1);
        queue.Notify(buffers: 5);
        Assert.That(_block.Writes[^1], Is.EqualTo("notify+4=80050001/4"));
    }

    [Test]
    public void Both_forms_of_notification_data_go_together()
    {
        PciTransport transport = Negotiated(
            Features.NotificationData | Features.NotifConfigData);
        using QueueLease queue = Enable(transport, 0);
        queue.Notify(buffers: 16);
        Assert.That(_block.Writes[^1], Is.EqualTo("notify+0=100/4"), "slot 0 with the wrap counter 0");
    }

    [TestCase(2u, 1, Description = "unaligned")]
    [TestCase(6u, 1, Description = "unaligned")]
    [TestCase(0xFFEu, 1, Description = "two bytes before the end")]
    [TestCase(0x1000u, 1, Description = "outside")]
    [TestCase(0xFFFFFFFFu, 0xFFFF, Description = "far outside")]
    public void Notification_data_needs_four_aligned_bytes(uint multiplier, int offset)
    {
        _function.Capabilities[3] = ModernFunction.Structure(2, 4, PciBlock.NotifyOffset, 0x1000, multiplier);
        _block.QueueAt(1).NotifyOff = (ushort)offset;
        PciTransport transport = Negotiated(Features.NotificationData);
        using QueueLease queue = new QueueLease(_machine, 1, 16);
        Assert.That(
            transport.EnableQueue(queue.Queue)?.ToString(), Does.StartWith("places a queue's notifications outside"));
    }

    [Test]
    public void A_queue_is_reset_and_enabled_again_with_another_size()
    {
        PciTransport transport = Negotiated(Features.RingReset);
        _block.LooksPerQueueReset = 9;
        Enable(transport, 1, 64).Dispose();
        Assert.That(transport.ResetQueue(1), Is.True);
        Enable(transport, 1, 13).Dispose();
        Assert.That(
            _block.Writes,
            Is.EqualTo(new[] { "queue_enable[1]=1 size 64", "queue_reset[1]=1", "queue_enable[1]=1 size 13" }));
    }

    [Test]
    public void A_queue_that_was_reset_gets_its_vector_back()
    {
        _function.VectorCount = 4;
        PciTransport transport = Negotiated(Features.RingReset);
        TransportBench.Connect(transport, new RecordingSink(), 2);
        Enable(transport, 1).Dispose();
        Assert.That(_block.QueueAt(1).Vector, Is.EqualTo(2));
        Assert.That(transport.ResetQueue(1), Is.True);
        Assert.That(_block.QueueAt(1).Vector, Is.EqualTo(PciBlock.NoVector), "the device forgot it");
        Enable(transport, 1).Dispose();
        Assert.That(_block.QueueAt(1).Vector, Is.EqualTo(2));
        Assert.That(_block.Writes.Count(w => w.StartsWith("queue_msix_vector[1]=2")), Is.EqualTo(2));
    }

    [Test]
    public void A_queue_reset_that_never_ends_is_given_up_within_the_deadline()
    {
        PciTransport transport = Negotiated(Features.RingReset);
        Enable(transport, 0).Dispose();
        _block.LooksPerQueueReset = -1;
        ulong before = _machine.Time.Nanoseconds;
        Assert.That(transport.ResetQueue(0), Is.False);
        Assert.That(_machine.Time.Nanoseconds - before, Is.LessThan(2 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void A_queue_that_stays_enabled_was_not_reset()
    {
        PciTransport transport = Negotiated(Features.RingReset);
        Enable(transport, 0).Dispose();
        _block.KeepsQueueEnabled = true;
        Assert.That(transport.ResetQueue(0), Is.False);
    }

    [Test]
    public void Without_RING_RESET_the_field_is_left_alone()
    {
        PciTransport transport = Negotiated();
        Enable(transport, 0).Dispose();
        Assert.That(transport.ResetQueue(0), Is.False);
        Assert.That(_block.Writes, Has.None.StartsWith("queue_reset"));
    }

    [Test]
    public void A_short_common_configuration_has_no_features_beyond_it()
    {
        _function.Capabilities[0] = ModernFunction.Structure(1, 4, PciBlock.CommonOffset, 0x38);
        _block.Offered |= (ulong)(Features.RingReset | Features.NotifConfigData);
        PciTransport transport = Open();
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
        Assert.That((ulong)accepted, Is.EqualTo(TransportBench.Version1));
    }

    [TestCase(0)]
    [TestCase(100)]
    public void A_device_is_suspended_and_resumed(int looks)
    {
        PciTransport transport = Live(Features.Suspend);
        _block.Status.LooksPerChange = looks;
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
        _block.Status.LooksPerChange = -1;
        ulong before = _machine.Time.Nanoseconds;
        Assert.That(transport.Suspend(), Is.False);
        Assert.That(_machine.Time.Nanoseconds - before, Is.LessThan(2 * VirtioTransport.ResetDeadline));
    }

    [Test]
    public void DEVICE_NEEDS_RESET_is_a_failed_suspension_or_resumption()
    {
        PciTransport transport = Live(Features.Suspend);
        _block.Status.FailsToChange = true;
        Assert.That(transport.Suspend(), Is.False);

        _block.Status.FailsToChange = false;
        PciTransport again = Live(Features.Suspend);
        Assert.That(again.Suspend(), Is.True);
        _block.Status.FailsToChange = true;
        Assert.That(again.Resume(), Is.False);
    }

    [Test]
    public void Without_SUSPEND_the_status_is_left_alone()
    {
        PciTransport transport = Live(0);
        Assert.That(transport.Suspend(), Is.False);
        Assert.That(_block.Status.Value, Is.EqualTo(0xF));
    }

    [Test]
    public void Shared_memory_within_its_base_address_is_found()
    {
        _function.Capabilities[4] = ModernFunction.SharedMemory(1, 4, 0xFFFF_FFFF_FFFF_F000, 0x2000);
        _function.Capabilities.Add(ModernFunction.SharedMemory(1, 4, PciBlock.Length - 0x1000, 0x1000));
        _function.Capabilities.Add(ModernFunction.SharedMemory(2, 4, 0x1000, 0x1_0000_0000));
        _function.Capabilities.Add(ModernFunction.SharedMemory(3, 0, 0, 0x1000));
        PciTransport transport = Open();
        Assert.That(transport.TryFindSharedMemory(1, out SharedMemoryRegion region), Is.True);
        Assert.That(region.Address, Is.EqualTo(ModernFunction.StructuresAddress + PciBlock.Length - 0x1000));
        Assert.That((region.Id, region.Length), Is.EqualTo((1, 0x1000UL)));
        Assert.That(transport.TryFindSharedMemory(0, out _), Is.False, "no such ID");
        Assert.That(transport.TryFindSharedMemory(2, out _), Is.False, "longer than its base address");
        Assert.That(transport.TryFindSharedMemory(3, out _), Is.False, "no such base address");
    }

    [Test]
    public void A_device_without_a_reachable_base_address_is_driven_through_the_window()
    {
        _block.Configuration[0] = 64;
        _function.AssignedAddress = 0;
        VirtioBlock block = new VirtioBlock(Open(), "disk0", new RecordingSink());
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(block.Capacity, Is.EqualTo(64));
        Assert.That(block.Queue(0).TrySubmit(BlockOperation.Read, 0, [new Hal.DmaSegment(0x1000, 512)], 1),
            Is.EqualTo(BlockStatus.Ok));
        block.Queue(0).Notify();
        Assert.That(_block.Writes[^1], Is.EqualTo("notify+0=0/2"));
        Assert.That(block.Describe().Transport, Does.StartWith("virtio-pci through configuration space at"));
        Assert.That(_function.WindowAccesses, Is.GreaterThan(20));
        _block.Isr = 1;
        Assert.That(_machine.Messages.LineHandler!.OnInterrupt(), Is.True);
        Assert.That(block.Stop(), Is.True);
    }

    [Test]
    public void A_base_address_that_cannot_be_mapped_is_left_for_the_window()
    {
        _machine.LastMappable = 0xFFFFFFFF;
        PciTransport transport = Negotiated(Features.NotificationData);
        using QueueLease queue = Enable(transport, 1);
        queue.Notify(buffers: 2);
        Assert.That(_block.Writes[^1], Is.EqualTo("notify+4=80020001/4"));
        Assert.That(_function.WindowAccesses, Is.Not.Zero);
    }

    [Test]
    public void A_base_address_is_preferred_to_the_window_even_if_it_comes_later()
    {
        _function.Capabilities.Insert(0, ModernFunction.Structure(1, 0, 0, 0x40));
        PciTransport transport = Open();
        Assert.That(transport.Kind, Is.EqualTo("virtio-pci"));
    }

    [Test]
    public void The_window_does_not_lead_outside_a_base_address()
    {
        _function.AssignedAddress = 0;
        _function.Capabilities[0] = ModernFunction.Structure(1, 4, PciBlock.Length - 0x20, 0x40);
        Assert.That(PciTransport.TryCreate(_machine, _function.Discover(), out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no common configuration"));
    }

    [Test]
    public void The_window_is_of_no_use_without_a_base_address_to_lead_to()
    {
        _function.BarLength = 0;
        Assert.That(PciTransport.TryCreate(_machine, _function.Discover(), out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no common configuration"));
    }

    [Test]
    public void Without_the_window_an_unreachable_device_is_refused()
    {
        _function.AssignedAddress = 0;
        _function.Capabilities.RemoveAt(4);
        Assert.That(PciTransport.TryCreate(_machine, _function.Discover(), out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Does.StartWith("has no common configuration"));
    }

    [Test]
    public void A_short_window_capability_is_none()
    {
        _function.AssignedAddress = 0;
        _function.Capabilities[4] = ModernFunction.Structure(5, 0, 0, 0);
        Assert.That(PciTransport.TryCreate(_machine, _function.Discover(), out _), Is.Null);
    }

    [Test]
    public void Structures_that_overlap_do_no_harm()
    {
        _function.Capabilities[3] = ModernFunction.Structure(2, 4, PciBlock.CommonOffset, 0x40, 0);
        PciTransport transport = Negotiated();
        using QueueLease queue = new QueueLease(_machine, 0, 16);
        Assert.That(transport.EnableQueue(queue.Queue), Is.Null);
    }

    private PciTransport Open()
    {
        PciTransport? transport = PciTransport.TryCreate(_machine, _function.Discover(), out Failure? failure);
        Assert.That(failure, Is.Null);
        return transport!;
    }

    private PciTransport Negotiated(Features more = Features.None)
    {
        _block.Offered |= (ulong)more;
        PciTransport transport = Open();
        TransportBench.Negotiate(transport, _block.Offered);
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
        QueueLease queue = new QueueLease(_machine, index, size);
        Assert.That(transport.EnableQueue(queue.Queue), Is.Null);
        return queue;
    }
}
