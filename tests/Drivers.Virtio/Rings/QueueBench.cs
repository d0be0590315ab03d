using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>A queue of any format with the device's side of it.</summary>
internal class QueueBench : IDisposable
{
    public QueueBench(int size, Features features, int tableLength = 0, bool isCoherent = false)
    {
        Memory = new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = !isCoherent });
        Queue = Virtqueue.TryCreate(Memory, 0, size, features, tableLength)!;
        Model = RingModel.Create(
            Memory, Queue.DescriptorArea, Queue.DriverArea, Queue.DeviceArea, size, (ulong)features);
    }

    public SimulatedDma Memory { get; }

    public Virtqueue Queue { get; }

    public RingModel Model { get; }

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
        TakenBuffer? buffer = Model.TryTake();
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

    public TakenBuffer Take() => Model.TryTake() ?? throw new InvalidOperationException("nothing is available");

    public int GetUsed(out uint writtenBytes)
    {
        Assert.That(Queue.TryGetUsed(out int token, out writtenBytes), Is.True);
        return token;
    }

    public int GetUsed() => GetUsed(out _);

    public void ExpectNothingUsed() => Assert.That(Queue.TryGetUsed(out _, out _), Is.False);

    /// <summary>Adds, takes, uses and gets back one buffer.</summary>
    public void Pass(int readable, int writable, int token)
    {
        Assert.That(Add(readable, writable, token), Is.EqualTo(AddStatus.Ok));
        Assert.That(Queue.InFlight, Is.EqualTo(1));
        ExpectNothingUsed();
        TakenBuffer buffer = TakeExpecting(readable, writable, token);
        Model.Use(buffer, (uint)writable, setWrite: (token & 1) != 0);
        Assert.That(GetUsed(out uint written), Is.EqualTo(token));
        Assert.That(written, Is.EqualTo((uint)writable));
        ExpectNothingUsed();
        Assert.That(Queue.FreeDescriptors, Is.EqualTo(Queue.Size));
    }

    public void Dispose()
    {
        Memory.CheckGuards();
        string[] violations = Memory.Violations.ToArray();
        Memory.Dispose();
        Assert.That(violations, Is.Empty);
    }
}
