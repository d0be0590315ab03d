using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>A packed queue with the device's side of it.</summary>
internal sealed class RingBench : IDisposable
{
    public RingBench(int size)
    {
        Queue = PackedVirtqueue.TryCreate(Memory, 0, size)!;
        Device = new PackedRingModel(Memory, Queue.DescriptorArea, Queue.DriverArea, Queue.DeviceArea, size);
    }

    public SimulatedMemory Memory { get; } = new SimulatedMemory();

    public PackedVirtqueue Queue { get; }

    public PackedRingModel Device { get; }

    /// <summary>Segments that can be told apart, with lengths from 1 on.</summary>
    public static DmaSegment[] Segments(int count, int tag)
    {
        DmaSegment[] segments = new DmaSegment[count];
        for (int i = 0; i < count; i++)
        {
            segments[i] = new DmaSegment(((ulong)tag << 32) | (uint)(i << 12), (uint)(i + 1));
        }

        return segments;
    }

    public AddStatus Add(int readable, int writable, int token) =>
        Queue.TryAdd(Segments(readable, token * 2), Segments(writable, (token * 2) + 1), token);

    /// <summary>Takes the next buffer at the device and compares it with what was added.</summary>
    public TakenBuffer TakeExpecting(int readable, int writable, int token)
    {
        TakenBuffer? buffer = Device.TryTake();
        Assert.That(buffer, Is.Not.Null);
        List<Element> expected = new List<Element>();
        foreach (DmaSegment segment in Segments(readable, token * 2))
        {
            expected.Add(new Element(segment.DeviceAddress, segment.Length, false));
        }

        foreach (DmaSegment segment in Segments(writable, (token * 2) + 1))
        {
            expected.Add(new Element(segment.DeviceAddress, segment.Length, true));
        }

        Assert.That(buffer!.Elements, Is.EqualTo(expected));
        return buffer;
    }

    public TakenBuffer Take() => Device.TryTake() ?? throw new InvalidOperationException("nothing is available");

    public int GetUsed(out uint writtenBytes)
    {
        Assert.That(Queue.TryGetUsed(out int token, out writtenBytes), Is.True);
        return token;
    }

    public int GetUsed() => GetUsed(out _);

    public void ExpectNothingUsed() => Assert.That(Queue.TryGetUsed(out _, out _), Is.False);

    public void Dispose()
    {
        Memory.CheckGuards();
        string[] violations = Memory.Violations.ToArray();
        Memory.Dispose();
        Assert.That(violations, Is.Empty);
    }
}
