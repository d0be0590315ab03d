using System;
using System.Collections.Generic;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// A driver that adds and takes a few buffers, and a device that serves all it finds just before one of the driver's
/// accesses or hand-overs.
/// </summary>
internal sealed class InterruptedExchange
{
    private const int Size = 4;
    private const int Buffers = 3;
    private const uint PartLength = 64;
    private const int Looks = 3;

    private readonly Virtqueue _queue;
    private readonly DeviceQueue _device;
    private readonly DmaMemory _data;
    private readonly RecycledMemory _memory;
    private readonly HashSet<int> _posted = new HashSet<int>();
    private readonly byte[] _word = new byte[4];

    public InterruptedExchange(SimulatedDma dma, Features form)
    {
        _memory = new RecycledMemory(dma);
        _queue = Virtqueue.TryCreate(_memory, 0, Size, form, new ChainShape(2))!;
        _data = _memory.Allocate(2 * Buffers * PartLength, PartLength)!;
        QueueAreas areas = new QueueAreas(_queue.DescriptorArea, _queue.DriverArea, _queue.DeviceArea);
        _device = DeviceQueue.TryOpen(dma.GuestMemory, areas, Size, (ulong)form, out _)!;
    }

    /// <summary>Runs it.</summary>
    /// <param name="steps">After how many accesses and hand-overs of the driver the device acts.</param>
    /// <returns>Whether the driver came that far.</returns>
    /// <exception cref="SimulationFailedException">Something was not as it has to be.</exception>
    public bool Run(int steps)
    {
        bool isReached;
        using (Steps interrupted = new Steps())
        {
            _memory.BeforeHandOver = interrupted.Take;
            interrupted.Arm(steps, Serve);
            Drive();
            isReached = !interrupted.IsPending;
            _memory.BeforeHandOver = () => { };
        }

        Serve();
        for (int look = 0; look < Looks; look++)
        {
            Take();
        }

        Scenario.Require(_posted.Count == 0, $"{_posted.Count} buffers are lost");
        _data.Free();
        _queue.Release(quarantine: false);
        return isReached;
    }

    private void Drive()
    {
        Add(0);
        Add(1);
        _queue.NeedsNotification();
        Take();
        _queue.EnableInterrupts();
        Take();
        _queue.DisableInterrupts();
        if (_queue.HasRoom(2))
        {
            Add(2);
            _queue.NeedsNotification();
        }

        Take();
    }

    private void Serve()
    {
        _device.SuppressNotifications();
        while (_device.TryPop() is { } chain)
        {
            Scenario.Require(chain.TryRead(0, _word), "the device cannot read a buffer");
            Scenario.Require(chain.TryWrite(0, _word), "the device cannot write a buffer");
            _device.Push(chain, (uint)chain.WritableLength);
            _device.Publish();
        }

        Scenario.Require(_device.Error == QueueError.None, $"the device finds a broken ring: {_device.Error}");
        _device.EnableNotifications();
    }

    private void Add(int token)
    {
        uint start = 2 * (uint)token * PartLength;
        _data.Store32(start, (uint)token + 1);
        _data.Sync(start, 2 * PartLength, DmaSync.PreWrite | DmaSync.PreRead, ProofSites.Data);
        DmaSegment[] segments = { _data.Segment(start, PartLength), _data.Segment(start + PartLength, PartLength) };
        AddStatus status = _queue.TryAdd(segments.AsSpan(0, 1), segments.AsSpan(1), token);
        Scenario.Require(status == AddStatus.Ok, $"a buffer is not added: {status}");
        _posted.Add(token);
    }

    private void Take()
    {
        while (_queue.TryGetUsed(out int token, out uint written))
        {
            uint start = 2 * (uint)token * PartLength;
            Scenario.Require(_posted.Remove(token), $"the driver takes buffer {token}, which is not in flight");
            _data.Sync(start, 2 * PartLength, DmaSync.PostWrite | DmaSync.PostRead, ProofSites.Data);
            uint answer = _data.Load32(start + PartLength);
            Scenario.Require(
                written == PartLength && answer == (uint)token + 1, $"the driver finds {answer} in buffer {token}");
        }

        Scenario.Require(
            _queue.Fault == QueueFault.None, $"the driver finds that the device {QueueFaults.Describe(_queue.Fault)}");
    }
}
