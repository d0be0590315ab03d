using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Tests.Minimal;

/// <summary>
/// The whole of the drivers against the devices of a minimal VMM, each of whose habits no other device has.
/// </summary>
public class MinimalDeviceTests
{
    private const ulong OfferedByAll = FeatureBit.RingPacked | FeatureBit.Version1;
    private const ulong Flush = 1UL << 9;

    [Test]
    public void Both_devices_are_found_where_absent_ones_read_as_zero()
    {
        using MinimalBench bench = new MinimalBench();
        PciTopology topology = bench.Discover();
        Assert.That(
            topology.Functions.ToArray().Select(f => f.Address.ToString()), Is.EqualTo(new[] { "00:00.0", "00:01.0" }));
        PciFunction disk = topology.Functions[0];
        Assert.That(PciIdentity.TryIdentify(disk, out ushort type), Is.True);
        Assert.That(type, Is.EqualTo(DeviceTypes.Block));
        Assert.That(PciIdentity.TryIdentify(topology.Functions[1], out type), Is.True);
        Assert.That(type, Is.EqualTo(DeviceTypes.Network));
        Assert.That(disk.InterruptLine, Is.EqualTo(15));
        Assert.That(bench.Machine.Lines.Warnings, Is.Empty);
    }

    [Test]
    public void The_base_address_that_nobody_placed_gets_a_place_before_it_is_decoded()
    {
        using MinimalBench bench = new MinimalBench();
        PciFunction disk = bench.Discover().Functions[0];
        BaseAddressRegister register = disk.BaseAddress(0)!;
        Assert.That(disk.BaseAddresses.Length, Is.EqualTo(1));
        Assert.That((register.Length, register.IsIo, register.IsAssigned), Is.EqualTo((0x100UL, false, true)));
        Assert.That(register.Address, Is.InRange(MinimalBench.Window, MinimalBench.Window + MinimalBench.WindowLength));
        Assert.That(bench.DiskFunction.Decode(register.Address, out _), Is.Null, "decode is off");
        disk.MemoryDecode = true;
        Assert.That(bench.DiskFunction.Decode(register.Address + 0xFF, out ulong offset), Is.Zero);
        Assert.That(offset, Is.EqualTo(0xFF));
    }

    [Test]
    public void The_capability_list_that_ends_in_a_null_capability_is_read_to_its_end()
    {
        using MinimalBench bench = new MinimalBench();
        PciFunction disk = bench.Discover().Functions[0];
        Assert.That(
            PciStructure.ReadAll(disk).Select(s => s.Kind),
            Is.EqualTo(new[]
            {
                PciStructureKind.CommonConfiguration, PciStructureKind.Notification, PciStructureKind.IsrStatus,
                PciStructureKind.DeviceConfiguration, PciStructureKind.ConfigurationAccess,
            }));
        Assert.That(disk.Capabilities.Length, Is.EqualTo(5), "the null capability is none");
        Assert.That(disk.FindCapability(CapabilityId.MsiX), Is.Null);
    }

    [Test]
    public void The_disk_starts_with_what_it_offers_and_reads_and_writes()
    {
        using MinimalBench bench = new MinimalBench();
        bench.Disk.Disk[512] = 0x5A;
        VirtioBlock block = bench.StartDisk();
        Assert.That((ulong)block.Features, Is.EqualTo(OfferedByAll | Flush));
        Assert.That((block.Capacity, block.BlockSize, block.HasFlush), Is.EqualTo((64UL, 512u, true)));
        DeviceDescription description = block.Describe();
        Assert.That(description.RingFormat, Is.EqualTo("packed"));
        Assert.That(description.Interrupts, Is.EqualTo("INTx line 15"));
        Assert.That(description.Transport, Is.EqualTo("virtio-pci at 00:00.0"), "not through the dead window");
        Assert.That(description.Queues[0].Size, Is.EqualTo(128), "the largest that it takes");

        DmaMemory data = bench.Buffer(1024);
        Assert.That(Transfer(bench, block, BlockOperation.Read, 1, data), Is.EqualTo(BlockStatus.Ok));
        Assert.That(data.Bytes(0, 1)[0], Is.EqualTo(0x5A));
        data.Bytes(0, 1024).Fill(0xC3);
        Assert.That(Transfer(bench, block, BlockOperation.Write, 2, data), Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Disk.Disk.Slice(1024, 1024).ToArray(), Is.All.EqualTo(0xC3));
        Assert.That(Transfer(bench, block, BlockOperation.Flush, 0, null), Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Disk.Flushes, Is.EqualTo(1));
        bench.ExpectNoFindings();
    }

    [Test]
    public void Every_wrap_of_the_largest_queue_is_passed_with_flags_that_the_device_leaves_as_they_were()
    {
        using MinimalBench bench = new MinimalBench();
        VirtioBlock block = bench.StartDisk();
        DmaMemory data = bench.Buffer(512);
        for (int i = 0; i < 400; i++)
        {
            data.Bytes(0, 512).Fill((byte)i);
            ulong sector = (ulong)(i % 64);
            Assert.That(Transfer(bench, block, BlockOperation.Write, sector, data), Is.EqualTo(BlockStatus.Ok));
            data.Bytes(0, 512).Clear();
            Assert.That(Transfer(bench, block, BlockOperation.Read, sector, data), Is.EqualTo(BlockStatus.Ok));
            Assert.That(data.Bytes(0, 512)[511], Is.EqualTo((byte)i));
        }

        Assert.That(block.Describe().Queues[0].Fault, Is.EqualTo(QueueFault.None));
        bench.ExpectNoFindings();
    }

    [Test]
    public void The_card_has_no_address_of_its_own_and_sends_and_receives()
    {
        using MinimalBench bench = new MinimalBench();
        VirtioNet net = bench.StartCard();
        Assert.That((ulong)net.Features, Is.EqualTo(OfferedByAll), "no MAC, no MTU, no merged buffers");
        Assert.That((net.HasDeviceMacAddress, net.Mtu, net.IsLinkUp), Is.EqualTo((false, 1500, true)));
        Assert.That(net.MacAddress >> 40 & 3, Is.EqualTo(2), "local, of one station");
        RecordingFrames sink = new RecordingFrames();
        for (int i = 0; i < 300; i++)
        {
            byte[] frame = Enumerable.Repeat((byte)i, 60 + i).ToArray();
            Assert.That(net.TryTransmit(frame), Is.EqualTo(TransmitStatus.Ok));
            net.NotifyTransmit();
            bench.Card.Run();
            Assert.That(bench.Card.SentFrames[i], Is.EqualTo(frame));
            bench.Card.Receive(frame);
            bench.Card.Run();
            Assert.That(net.Receive(sink, 4), Is.EqualTo(1));
            Assert.That(sink.Frames[i], Is.EqualTo(frame));
        }

        bench.ExpectNoFindings();
    }

    [Test]
    public void Notifications_are_one_write_of_16_bits_at_the_place_of_the_queue()
    {
        using MinimalBench bench = new MinimalBench();
        VirtioNet net = bench.StartCard();
        Assert.That(
            bench.Card.Queues[0].NotificationsReceived, Is.EqualTo(1), "the receive queue, for its first buffers");
        net.TryTransmit(new byte[60]);
        net.NotifyTransmit();
        Assert.That(bench.Card.Queues[1].NotificationsReceived, Is.EqualTo(1), "2 bytes behind the other");
        bench.ExpectNoFindings();
        uint place = (uint)bench.Discover().Functions[1].BaseAddress(0)!.Address;
        MmioRegion registers = bench.Bus.MapMmio(place, 0x100);
        registers.Write32(0x3C, 1);
        Assert.That(bench.Card.Findings.Select(f => f.Rule), Is.EqualTo(new[] { DriverRule.NotificationForm }));
        Assert.That(bench.Card.Queues[1].NotificationsReceived, Is.EqualTo(1), "any other write is not seen");
    }

    [Test]
    public void Registers_act_only_on_writes_at_their_very_offset()
    {
        using MinimalBench bench = new MinimalBench();
        PciFunction disk = bench.Discover().Functions[0];
        disk.MemoryDecode = true;
        MmioRegion registers = disk.Map(bench.Machine, 0, 0, 0x40)!;
        registers.Write32(0x00, 1);
        Assert.That(registers.Read32(0x04), Is.EqualTo((uint)(OfferedByAll >> 32)));
        registers.Write8(0x01, 0);
        registers.Write8(0x00, 0);
        Assert.That(registers.Read32(0x04), Is.EqualTo((uint)Flush), "the offset counts, not the width");
        registers.Write16(0x16, 9);
        Assert.That(registers.Read16(0x18), Is.Zero, "there is no such queue");
        registers.Write16(0x16, 0);
        Assert.That(registers.Read16(0x18), Is.EqualTo(128));
        registers.Write16(0x18, 4096);
        registers.Write16(0x16, 0);
        Assert.That(registers.Read16(0x18), Is.EqualTo(128), "no larger queue");
        registers.Write16(0x10, 77);
        Assert.That(registers.Read16(0x10), Is.EqualTo(77), "a vector, although there are none");
    }

    [Test]
    public void The_isr_byte_is_set_for_every_used_buffer_and_cleared_by_reading()
    {
        using MinimalBench bench = new MinimalBench();
        VirtioBlock block = bench.StartDisk();
        block.Queue(0).DisableInterrupts();
        DmaMemory data = bench.Buffer(512);
        int events = bench.Sink.Events.Count;
        Assert.That(Transfer(bench, block, BlockOperation.Read, 0, data), Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Sink.Events, Has.Count.EqualTo(events), "none was wanted, and a disk keeps to that");
        Assert.That(bench.DiskFunction.IsrStatus, Is.EqualTo(1));
        block.Queue(0).EnableInterrupts();
        Assert.That(Transfer(bench, block, BlockOperation.Read, 0, data), Is.EqualTo(BlockStatus.Ok));
        Assert.That(bench.Sink.Events, Has.Count.EqualTo(events + 1));
        Assert.That(bench.DiskFunction.IsrStatus, Is.Zero, "the handler read it");
    }

    [Test]
    public void A_card_that_interrupts_although_told_not_to_does_no_harm()
    {
        using MinimalBench bench = new MinimalBench();
        VirtioNet net = bench.StartCard();
        RecordingFrames sink = new RecordingFrames();
        net.DisableReceiveInterrupts();
        for (int i = 0; i < 10; i++)
        {
            bench.Card.Receive(new byte[60]);
            bench.Card.Run();
        }

        Assert.That(bench.Sink.Events.Count(e => e == "queue 0"), Is.EqualTo(10));
        Assert.That(net.Receive(sink, 100), Is.EqualTo(10));
        Assert.That(net.EnableReceiveInterrupts(), Is.False);
        bench.Card.Receive(new byte[60]);
        bench.Card.Run();
        Assert.That(bench.CardFunction.Pulses, Is.EqualTo(11));
        Assert.That(net.Receive(sink, 100), Is.EqualTo(1));
    }

    [Test]
    public void Transmit_buffers_come_back_by_looking_where_the_card_never_interrupts_for_them()
    {
        using MinimalBench bench = new MinimalBench();
        VirtioNet net = bench.StartCard();
        int sent = 0;
        while (net.TryTransmit(new byte[60]) == TransmitStatus.Ok)
        {
            sent++;
        }

        Assert.That(sent, Is.EqualTo(128));
        int pulses = bench.CardFunction.Pulses;
        bench.Card.Run();
        Assert.That(bench.Card.SentFrames, Has.Count.EqualTo(128));
        Assert.That(bench.CardFunction.Pulses, Is.EqualTo(pulses), "it was asked to interrupt, and does not");
        Assert.That(net.TryTransmit(new byte[60]), Is.EqualTo(TransmitStatus.Ok), "the driver looks by itself");
        Assert.That(net.ReclaimTransmitted(), Is.Zero, "it took all of them");
    }

    [Test]
    public void A_card_that_misses_a_notification_is_notified_again()
    {
        using MinimalBench bench = new MinimalBench();
        VirtioNet net = bench.StartCard();
        bench.CardFunction.MissedNotification = 2;
        int full = 0;
        for (int i = 0; i < 1000; i++)
        {
            TransmitStatus status = net.TryTransmit(new byte[60]);
            full += status == TransmitStatus.Full ? 1 : 0;
            if (i % 50 == 0)
            {
                net.NotifyTransmit();
            }

            bench.Card.Run();
        }

        Assert.That(bench.CardFunction.Missed, Is.GreaterThan(2));
        Assert.That(full, Is.LessThan(500), "being full notifies the device anew");
        Assert.That(bench.Card.SentFrames, Has.Count.GreaterThan(400));
    }

    [Test]
    public void A_reset_that_leaves_queues_running_is_no_reset()
    {
        using MinimalBench bench = new MinimalBench();
        VirtioBlock block = bench.StartDisk();
        DmaMemory data = bench.Buffer(512);
        Assert.That(
            block.Queue(0).TrySubmit(BlockOperation.Write, 3, [data.Segment(0, 512)], 7), Is.EqualTo(BlockStatus.Ok));
        block.Queue(0).Notify();
        data.Bytes(0, 512).Fill(0x77);
        Assert.That(block.Stop(), Is.False, "the queue is still enabled");
        Assert.That(block.State, Is.EqualTo(DeviceState.Abandoned));
        Assert.That(bench.Machine.Memory.Freed, Is.Zero);
        Assert.That(bench.Machine.Memory.Quarantined, Is.EqualTo(bench.Machine.Memory.Allocated - 1), "but the data");
        Assert.That(bench.Disk.Run(), Is.Positive, "it works on in memory that is nobody else's");
        Assert.That(bench.Disk.Disk[3 * 512], Is.EqualTo(0x77));
        BlockCompletion[] completions = new BlockCompletion[2];
        Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1));
        Assert.That(completions[0].Status, Is.EqualTo(BlockStatus.Abandoned), "so its buffer is not free either");
    }

    [Test]
    public void A_queue_that_somebody_left_running_is_not_taken_over()
    {
        using MinimalBench bench = new MinimalBench();
        bench.StartDisk().Stop();
        VirtioBlock second = new VirtioBlock(bench.OpenTransport(0), "disk0", bench.Sink);
        Assert.That(second.TryStart(out Failure? failure), Is.False);
        Assert.That(failure?.ToString(), Is.EqualTo("has a queue in use before the driver enabled it"));
    }

    [Test]
    public void The_window_in_configuration_space_is_never_used()
    {
        using MinimalBench bench = new MinimalBench();
        PciTopology topology = PciTopology.Discover(
            new ConfigurationMechanism1(bench.Machine.Ports), bench.Machine.Log);
        PciFunction disk = topology.Functions[0];
        PciTransport? transport = PciTransport.TryCreate(bench.Machine, disk, out _);
        VirtioBlock block = new VirtioBlock(transport!, "disk0", bench.Sink);
        Assert.That(block.TryStart(out Failure? failure), Is.False, "nobody placed its registers, the window is dead");
        Assert.That(failure, Is.Not.Null);
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
    }

    private static BlockStatus Transfer(
        MinimalBench bench, VirtioBlock block, BlockOperation operation, ulong sector, DmaMemory? data)
    {
        DmaSegment[] segments = data == null ? [] : [data.Segment(0, data.Length)];
        Assert.That(block.Queue(0).TrySubmit(operation, sector, segments, 7), Is.EqualTo(BlockStatus.Ok));
        block.Queue(0).Notify();
        bench.Disk.Run();
        BlockCompletion[] completions = new BlockCompletion[2];
        Assert.That(block.Queue(0).Drain(completions), Is.EqualTo(1));
        Assert.That(completions[0].Token, Is.EqualTo(7));
        return completions[0].Status;
    }
}
