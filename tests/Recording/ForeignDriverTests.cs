using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Recording.Tests;

/// <summary>
/// A recorder at the device, of a driver that nobody records: its stores are found in memory when the device looks.
/// </summary>
public sealed class ForeignDriverTests
{
    private const ushort Size = 4;
    private const int Rounds = 20;

    [TestCase(Features.RingPacked)]
    [TestCase(Features.RingPacked | Features.EventIdx)]
    [TestCase(Features.None)]
    [TestCase(Features.EventIdx)]
    public void What_the_driver_stored_is_in_the_recording_whenever_the_device_has_looked(Features form)
    {
        using var memory = new SimulatedDma();
        Virtqueue queue = Virtqueue.TryCreate(memory, 0, Size, form)!;
        DmaMemory buffers = memory.Allocate(64, 64)!;
        var text = new StringWriter();
        using var writer = new RecordingWriter(text, new RecordingHeader("t", "vhost-user", ["driver", "device"]));
        var recorder = new MemoryRecorder(writer) { InfersDriver = true };
        var seen = new RecordedGuestMemory(memory.GuestMemory, recorder);
        var areas = new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea);
        DeviceQueue device = DeviceQueue.TryOpen(seen, areas, Size, (ulong)form, out _)!;
        RecordedQueue recorded =
            RecordedQueue.Of(0, "q", Size, areas.Descriptor, areas.Driver, areas.Device, (ulong)form);
        recorder.Add(recorded, memory.GuestMemory);
        for (int round = 0; round < Rounds; round++)
        {
            for (uint i = 0; i <= round % 2; i++)
            {
                Assert.That(
                    queue.TryAdd([buffers.Segment(16 * i, 8)], [buffers.Segment(32, 8)], (int)i),
                    Is.EqualTo(AddStatus.Ok));
            }

            using (recorder.Install())
            {
                recorder.Look(recorded);
                recorder.Notify(StepKind.Kick, 0);
                while (device.TryPop() is { } chain)
                {
                    device.Push(chain, 0);
                }

                device.Publish();
                device.EnableNotifications();
            }

            Assert.That(Areas(text.ToString(), recorded), Is.EqualTo(Areas(memory, recorded)), $"round {round}");
            while (queue.TryGetUsed(out _, out _))
            {
            }
        }
    }

    [Test]
    public void What_a_queue_holds_when_it_comes_up_is_a_store_of_the_driver()
    {
        using var memory = new SimulatedDma();
        Virtqueue queue = Virtqueue.TryCreate(memory, 0, Size, Features.None)!;
        queue.TryAdd(default, [memory.Allocate(64, 64)!.Segment(0, 8)], 0);
        var text = new StringWriter();
        using var writer = new RecordingWriter(text, new RecordingHeader("t", "vhost-user", ["driver", "device"]));
        var recorder = new MemoryRecorder(writer) { InfersDriver = true };
        RecordedQueue recorded =
            RecordedQueue.Of(0, "q", Size, queue.DescriptorArea, queue.DriverArea, queue.DeviceArea, 0);

        recorder.Add(recorded, memory.GuestMemory);

        Assert.That(Areas(text.ToString(), recorded), Is.EqualTo(Areas(memory, recorded)).And.Some.Not.Zero);
    }

    private static byte[] Areas(string text, RecordedQueue queue)
    {
        int steps = text.Split('\n').Count(line => line.StartsWith('['));
        Recording recording = Recording.Read(new StringReader($"{text}{{\"end\":{steps},\"dropped\":0}}\n"));
        var memory = new Reconstruction(recording.Header);
        recording.Steps.ForEach(step => memory.Apply(step));
        return [.. queue.Areas.SelectMany(area => memory.Newest(area.Address, area.Length))];
    }

    private static unsafe byte[] Areas(SimulatedDma memory, RecordedQueue queue) =>
    [
        .. queue.Areas.SelectMany(area =>
            new ReadOnlySpan<byte>(memory.DeviceView(area.Address, area.Length), (int)area.Length).ToArray()),
    ];
}
