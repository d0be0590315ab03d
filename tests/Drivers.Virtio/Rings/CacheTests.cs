using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>
/// Queues of every form on machines whose devices do not see the caches, against the device side that was written
/// without the driver. Each buffer carries data there and back; every access and hand-over is audited.
/// </summary>
public class CacheTests
{
    private const int Buffers = 8;
    private const uint PartLength = 64;
    private const uint BufferLength = 8 * PartLength;

    private static readonly string[] s_machines = { "audited", "68030", "68040", "68040 random", "prefetching" };

    [Test]
    public void Every_buffer_is_transferred_and_every_byte_has_one_owner(
        [ValueSource(nameof(s_machines))] string machine,
        [ValueSource(typeof(QueueForms), nameof(QueueForms.All))] Features form)
    {
        for (int seed = 0; seed < Nightly.Cases(6, 200); seed++)
        {
            Run(machine, form, new Random(seed), $"seed {seed}");
        }
    }

    private static CacheModel Cache(string machine, int seed) => machine switch
    {
        "68030" => new Mc68030Cache(),
        "68040" => new Mc68040Cache(),
        "68040 random" => new Mc68040Cache(CacheTiming.Random, seed),
        "prefetching" => new PrefetchingCache(CacheTiming.Random, seed),
        _ => new CoherentCache(),
    };

    private static void Run(string machine, Features form, Random random, string where)
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions { Cache = Cache(machine, random.Next()) });
        using (dma.Install())
        {
            int size = Virtqueue.LargestSize(form, random.Next(1, 12));
            Virtqueue queue = Virtqueue.TryCreate(dma, 0, size, form, new ChainShape(3))!;
            DmaMemory data = dma.Allocate(Buffers * BufferLength, 64)!;
            DeviceQueue device = DeviceQueue.TryOpen(
                dma.GuestMemory,
                new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea),
                size,
                (ulong)form,
                out _)!;
            Exchange exchange = new Exchange(queue, data, device, random);
            for (int step = 0; step < 150; step++)
            {
                exchange.Step();
            }

            Assert.That(device.Error, Is.EqualTo(QueueError.None), where);
            Assert.That(queue.Fault, Is.EqualTo(QueueFault.None), where);
            exchange.Reset();
            data.Free();
            queue.Release(quarantine: false);
        }

        dma.CheckGuards();
        Assert.That(dma.Violations, Is.Empty, where);
    }

    /// <summary>Both sides of a queue, and what is in flight between them.</summary>
    private sealed class Exchange
    {
        private readonly Virtqueue _queue;
        private readonly DmaMemory _data;
        private readonly DeviceQueue _device;
        private readonly Random _random;
        private readonly List<DeviceChain> _taken = new List<DeviceChain>();
        private readonly int[] _readable = new int[Buffers];
        private readonly int[] _writable = new int[Buffers];
        private readonly byte[] _first = new byte[Buffers];
        private readonly Stack<int> _free = new Stack<int>();

        public Exchange(Virtqueue queue, DmaMemory data, DeviceQueue device, Random random)
        {
            _queue = queue;
            _data = data;
            _device = device;
            _random = random;
            for (int i = 0; i < Buffers; i++)
            {
                _free.Push(i);
            }
        }

        public void Step()
        {
            switch (_random.Next(7))
            {
                case 0:
                case 1:
                    Add();
                    break;
                case 2:
                    if (_device.TryPop() is { } chain)
                    {
                        _taken.Add(chain);
                    }

                    break;
                case 3:
                    Answer();
                    break;
                case 4:
                    GetUsed();
                    break;
                case 5:
                    _queue.NeedsNotification();
                    _queue.EnableInterruptsDelayed(_random.Next(101));
                    break;
                default:
                    _device.EnableNotifications();
                    _queue.DisableInterrupts();
                    break;
            }
        }

        /// <summary>The device is reset: everything is the driver's again.</summary>
        public void Reset()
        {
            while (_queue.TryDetach(out int token))
            {
                TakeOver(token);
            }
        }

        private void Add()
        {
            if (_free.Count == 0)
            {
                return;
            }

            int token = _free.Peek();
            int readable = _random.Next(4);
            int writable = _random.Next(readable == 0 ? 1 : 0, 4);
            if (readable + writable > _queue.Size || !_queue.HasRoom(readable + writable))
            {
                return;
            }

            _free.Pop();
            _readable[token] = readable;
            _writable[token] = writable;
            _first[token] = (byte)_random.Next(256);
            uint start = (uint)token * BufferLength;
            DmaSegment[] segments = new DmaSegment[readable + writable];
            for (uint i = 0; i < segments.Length; i++)
            {
                segments[i] = _data.Segment(start + (i * PartLength), PartLength);
            }

            uint length = (uint)segments.Length * PartLength;
            for (uint i = 0; i < length; i += 4)
            {
                _data.Store32(start + i, _first[token] + i);
            }

            _data.Sync(start, length, DmaSync.PreWrite | DmaSync.PreRead);
            AddStatus status = _queue.TryAdd(segments.AsSpan(0, readable), segments.AsSpan(readable), token);
            Assert.That(status, Is.EqualTo(AddStatus.Ok));
        }

        private void Answer()
        {
            int count = Math.Min(_random.Next(1, 4), _taken.Count);
            for (int i = 0; i < count; i++)
            {
                int pick = _device.IsInOrder ? 0 : _random.Next(_taken.Count);
                DeviceChain chain = _taken[pick];
                _taken.RemoveAt(pick);
                byte[] sent = new byte[chain.ReadableLength];
                Assert.That(chain.TryRead(0, sent), Is.True);
                byte[] answer = new byte[chain.WritableLength];
                for (int at = 0; at < answer.Length; at++)
                {
                    answer[at] = (byte)((sent.Length == 0 ? 0 : sent[0]) + at + 1);
                }

                Assert.That(chain.TryWrite(0, answer), Is.True);
                _device.Push(chain, (uint)answer.Length);
            }

            _device.Publish(_random.Next(2) == 0);
        }

        private void GetUsed()
        {
            while (_random.Next(4) != 0 && _queue.TryGetUsed(out int token, out uint written))
            {
                TakeOver(token);
                Assert.That(written, Is.EqualTo((uint)_writable[token] * PartLength));
                uint start = ((uint)token * BufferLength) + ((uint)_readable[token] * PartLength);
                byte expected = _readable[token] == 0 ? (byte)0 : _first[token];
                for (uint i = 0; i < written; i++)
                {
                    Assert.That(_data.Load8(start + i), Is.EqualTo((byte)(expected + i + 1)));
                }
            }
        }

        private void TakeOver(int token)
        {
            uint length = (uint)(_readable[token] + _writable[token]) * PartLength;
            _data.Sync((uint)token * BufferLength, length, DmaSync.PostWrite | DmaSync.PostRead);
            _free.Push(token);
        }
    }
}
