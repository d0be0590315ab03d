using System;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Trace.Examples;

/// <summary>Buffers that go there and back on a machine where nothing goes wrong.</summary>
internal static class Requests
{
    private const uint HeaderLength = 16;
    private const uint DataLength = 512;
    private const uint DataAt = 64;
    private const uint StatusAt = 1024;
    private const ulong Sector = 7;

    private static SimulatedDmaOptions Watched => new() { WatchesHandOvers = true };

    /// <summary>A read of one sector: header, data, status.</summary>
    public static void RecordSplit(string path)
    {
        using var ring = new RecordedRing(
            path,
            "A disk read through a split ring",
            "The driver reads one sector: a chain of three descriptors (header, data, status) goes to the device and "
                + "comes back (virtio 1.4, 2.7 and 5.2.6). Hand-overs are those of a machine without coherent memory.",
            Features.None,
            4,
            Watched);
        Virtqueue queue = ring.Queue;
        DmaMemory memory = ring.Buffers;
        ring.SayOfDevice("asks to be notified of available buffers");
        ring.Device.EnableNotifications();
        ring.Say("writes the header of a read of sector 7 and hands the buffers over");
        memory.Store32(0, 0);
        memory.Store64(8, Sector);
        memory.Sync(0, HeaderLength, DmaSync.PreWrite);
        memory.Sync(DataAt, DataLength, DmaSync.PreRead);
        memory.Sync(StatusAt, 1, DmaSync.PreRead);
        queue.TryAdd(
            [memory.Segment(0, HeaderLength)],
            [memory.Segment(DataAt, DataLength), memory.Segment(StatusAt, 1)],
            1);
        ring.Kick();

        ring.SayOfDevice("looks for buffers");
        DeviceChain chain = ring.Device.TryPop()!;
        byte[] header = new byte[HeaderLength];
        chain.TryRead(0, header);
        ring.SayOfDevice("reads sector 7 into the buffer, then writes the status");
        chain.TryWrite(0, new byte[DataLength]);
        chain.TryWrite(DataLength, new byte[1]);
        ring.Use(chain, DataLength + 1);

        ring.Say("is interrupted, and takes what was used");
        queue.TryGetUsed(out _, out _);
        memory.Sync(0, HeaderLength, DmaSync.PostWrite);
        memory.Sync(DataAt, DataLength, DmaSync.PostRead);
        memory.Sync(StatusAt, 1, DmaSync.PostRead);
        memory.Load8(StatusAt);
        ring.Say("asks for the next interrupt, and looks once more");
        queue.EnableInterrupts();
    }

    /// <summary>The story of the picture in docs/rings.md.</summary>
    public static void RecordPacked(string path)
    {
        using var ring = new RecordedRing(
            path,
            "Around a packed ring of four",
            "A has two descriptors, B one; the device uses B first. Then C, D and E go around the end of the ring, and "
                + "the wrap counter changes (virtio 1.4, 2.8.1). It is the story of the picture in docs/rings.md.",
            Features.RingPacked,
            4,
            Watched);
        ring.Device.EnableNotifications();
        ring.Say("adds A, two descriptors");
        Add(ring, 'A', 2);
        ring.Say("adds B, one descriptor");
        Add(ring, 'B', 1);
        ring.Kick();
        ring.SayOfDevice("takes both");
        DeviceChain a = ring.Device.TryPop()!;
        DeviceChain b = ring.Device.TryPop()!;
        ring.SayOfDevice("uses B, which it finished first: in the slot where A began");
        ring.Use(b, 16);
        ring.SayOfDevice("uses A: A had two descriptors, so the next used one will come two slots on");
        ring.Use(a, 16);
        ring.Say("takes both");
        TakeAll(ring);
        ring.Say("adds C in the last slot; D and E belong to the next round, with wrap counter 0");
        Add(ring, 'C', 1);
        Add(ring, 'D', 1);
        Add(ring, 'E', 1);
        ring.Kick();
        ring.SayOfDevice("takes and uses all three, and publishes them together");
        while (ring.Device.TryPop() is { } chain)
        {
            ring.Device.Push(chain, 16);
        }

        if (ring.Device.Publish())
        {
            ring.Recorder.Notify(Recording.StepKind.Interrupt, 0);
        }

        TakeAll(ring);
    }

    /// <summary>Both sides name the place at which they want to be told.</summary>
    public static void RecordEventIndex(string path)
    {
        using var ring = new RecordedRing(
            path,
            "Event index",
            "Each side names a place in the ring, and is told when the other passes it (virtio 1.4, 2.8.10): one kick "
                + "for a batch, one interrupt for most of it.",
            Features.RingPacked | Features.EventIdx,
            8,
            Watched);
        ring.SayOfDevice("finds nothing, and asks to be notified of the next buffer");
        ring.Device.EnableNotifications();
        ring.Say("adds four buffers, and kicks once: the first of them passes the place that the device named");
        for (int i = 0; i < 4; i++)
        {
            Add(ring, (char)('A' + i), 1);
        }

        ring.Kick();
        ring.Say("asks for an interrupt when most of them have been used");
        ring.Queue.EnableInterruptsDelayed(75);
        for (int i = 0; i < 4; i++)
        {
            DeviceChain chain = ring.Device.TryPop()!;
            ring.SayOfDevice($"uses buffer {i + 1}");
            ring.Use(chain, 16);
        }

        TakeAll(ring);
        ring.Say("adds one more: the device has not asked again, so there is no kick");
        Add(ring, 'E', 1);
        ring.Kick();
        ring.SayOfDevice("asks again, and finds the buffer in the look behind that");
        if (ring.Device.EnableNotifications())
        {
            ring.Use(ring.Device.TryPop()!, 16);
        }

        TakeAll(ring);
    }

    private static void Add(RecordedRing ring, char token, int segments)
    {
        DmaSegment[] all = new DmaSegment[segments];
        uint start = (uint)(token - 'A') * 64;
        for (int i = 0; i < segments; i++)
        {
            all[i] = ring.Buffers.Segment(start + ((uint)i * 16), 16);
        }

        ring.Buffers.Sync(start, 16, DmaSync.PreRead);
        ring.Queue.TryAdd(all.AsSpan(1), all.AsSpan(0, 1), token);
    }

    private static void TakeAll(RecordedRing ring)
    {
        while (ring.Queue.TryGetUsed(out int token, out _))
        {
            ring.Buffers.Sync((uint)(token - 'A') * 64, 16, DmaSync.PostRead);
        }
    }
}
