using System;
using System.Collections.Generic;
using System.IO;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Recording.Tests;

/// <summary>
/// A driver and a device that do on one queue what a seed says, with a recorder; and what the memory really held after
/// each access and each hand-over.
/// </summary>
internal sealed unsafe class RandomExchange : IDisposable
{
    private const int Segment = 16;

    private readonly StringWriter _text = new();
    private readonly RecordingWriter _writer;
    private readonly SimulatedDma _memory;
    private readonly IDisposable? _simulated;
    private readonly IDisposable _installed;
    private readonly Watch _watched;
    private readonly Virtqueue _queue;
    private readonly DeviceQueue _device;
    private readonly DmaMemory _buffers;
    private readonly Random _random;
    private readonly List<DeviceChain> _taken = [];

    public RandomExchange(int seed, Features features, ushort size, CacheModel? cache)
    {
        _random = new Random(seed);
        _writer = new RecordingWriter(
            _text, new RecordingHeader("random", "model", ["driver", "device"], HasViews: cache is not null));
        var recorder = new MemoryRecorder(_writer);
        _memory = new SimulatedDma(new SimulatedDmaOptions { Cache = cache, WatchesHandOvers = true })
        {
            Recorder = recorder,
        };
        _simulated = cache is null ? null : _memory.Install();
        _installed = recorder.Install();
        _watched = new Watch(this);
        _queue = Virtqueue.TryCreate(_memory, 0, size, features, default)!;
        _buffers = _memory.Allocate(4096, 64)!;
        Queue = RecordedQueue.Of(
            0, "queue", size, _queue.DescriptorArea, _queue.DriverArea, _queue.DeviceArea, (ulong)features);
        recorder.Add(Queue);
        _device = DeviceQueue.TryOpen(
            new RecordedGuestMemory(_memory.GuestMemory, recorder),
            new QueueAreas(_queue.DescriptorArea, _queue.DriverArea, _queue.DeviceArea),
            size,
            (ulong)features,
            out _)!;
    }

    /// <summary>The queue as it was recorded.</summary>
    public RecordedQueue Queue { get; }

    /// <summary>What its three areas held after so many steps, one behind the other, as devices see them.</summary>
    public List<(int Steps, byte[] Areas)> Truth { get; } = [];

    /// <summary>Lets both sides act, and ends the recording.</summary>
    public string Run(int operations)
    {
        for (int i = 0; i < operations; i++)
        {
            switch (_random.Next(6))
            {
                case 0:
                case 1:
                    Add();
                    break;
                case 2:
                    Take();
                    break;
                case 3:
                    Use();
                    break;
                case 4:
                    while (_queue.TryGetUsed(out _, out _))
                    {
                    }

                    break;
                default:
                    _ = _random.Next(2) == 0 ? _queue.EnableInterrupts() : _device.EnableNotifications();
                    break;
            }
        }

        _writer.Dispose();
        return _text.ToString();
    }

    public void Dispose()
    {
        _watched.Dispose();
        _installed.Dispose();
        _simulated?.Dispose();
        _memory.Dispose();
        _text.Dispose();
    }

    private void Add()
    {
        int segments = 1 + _random.Next(3);
        if (!_queue.HasRoom(segments))
        {
            return;
        }

        DmaSegment[] all = new DmaSegment[segments];
        for (int i = 0; i < segments; i++)
        {
            all[i] = _buffers.Segment((uint)(_random.Next(64) * Segment), Segment);
        }

        int readable = _random.Next(segments + 1);
        _queue.TryAdd(all.AsSpan(0, readable), all.AsSpan(readable), _random.Next(100));
        _queue.NeedsNotification();
    }

    private void Take()
    {
        if (_device.TryPop() is { } chain)
        {
            _taken.Add(chain);
        }
    }

    private void Use()
    {
        if (_taken.Count != 0)
        {
            int which = _device.IsInOrder ? 0 : _random.Next(_taken.Count);
            _device.Push(_taken[which], 0);
            _taken.RemoveAt(which);
            _device.Publish();
        }
    }

    private void Look()
    {
        if (Queue is null)
        {
            return;
        }

        Truth.Add((_writer.Steps,
        [
            .. View(Queue.DescriptorArea, Queue.DescriptorLength),
            .. View(Queue.DriverArea, Queue.DriverLength),
            .. View(Queue.DeviceArea, Queue.DeviceLength),
        ]));
    }

    private ReadOnlySpan<byte> View(ulong address, uint length) =>
        new ReadOnlySpan<byte>(_memory.DeviceView(address, length), (int)length);

    /// <summary>In front of the recorder: after each access it is seen what the memory holds.</summary>
    private sealed class Watch : MemorySimulation, IDisposable
    {
        private readonly RandomExchange _exchange;
        private readonly MemorySimulation _recorder;

        public Watch(RandomExchange exchange)
        {
            _exchange = exchange;
            _recorder = Current!;
            Current = this;
        }

        public override ulong Load(byte* address, int size, AccessSite site)
        {
            ulong value = _recorder.Load(address, size, site);
            _exchange.Look();
            return value;
        }

        public override void Store(byte* address, int size, ulong value, AccessSite site)
        {
            _recorder.Store(address, size, value, site);
            _exchange.Look();
        }

        public override ulong LoadAcquire(byte* address, int size, AccessSite site)
        {
            ulong value = _recorder.LoadAcquire(address, size, site);
            _exchange.Look();
            return value;
        }

        public override void StoreRelease(byte* address, int size, ulong value, AccessSite site)
        {
            _recorder.StoreRelease(address, size, value, site);
            _exchange.Look();
        }

        public override void FullBarrier(AccessSite site) => _recorder.FullBarrier(site);

        public void Dispose() => Current = _recorder;
    }
}
