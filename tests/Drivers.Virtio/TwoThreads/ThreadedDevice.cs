using System;
using System.Collections.Generic;
using System.Threading;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings.Packed;

namespace VirtioGuest.Drivers.Virtio.Tests.TwoThreads;

/// <summary>The device's thread: takes requests, answers them in any order, sleeps when there are none.</summary>
internal sealed class ThreadedDevice
{
    private static readonly TimeSpan s_slice = TimeSpan.FromMilliseconds(50);

    private readonly DeviceQueue _queue;
    private readonly Doorbell _kick;
    private readonly Doorbell _interrupt;
    private readonly Random _random;
    private readonly bool _hasPlaces;
    private readonly List<(DeviceChain Chain, uint Length)> _answered = new List<(DeviceChain, uint)>();
    private readonly byte[] _bytes = new byte[1024];
    private volatile bool _isStopping;
    private volatile string _doing = "starting";

    public ThreadedDevice(DeviceQueue queue, Doorbell kick, Doorbell interrupt, int seed, bool hasPlaces)
    {
        _queue = queue;
        _kick = kick;
        _interrupt = interrupt;
        _random = new Random(seed);
        _hasPlaces = hasPlaces;
    }

    /// <summary>What ended the thread, if something did.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Has the thread end when it next sleeps or looks.</summary>
    public void Stop()
    {
        _isStopping = true;
        _kick.Ring(_kick.Place);
    }

    public void Run()
    {
        try
        {
            while (!_isStopping)
            {
                Work();
            }
        }
        catch (Exception exception)
        {
            Failure = exception;
        }

        _doing = "ended";
    }

    public override string ToString() =>
        $"device: {_doing}, taken {_queue.Taken}, used {_queue.Used}, answered and kept {_answered.Count}, "
        + $"next available {_queue.NextAvailable}, error {_queue.Error}";

    private void Work()
    {
        ushort place = _kick.Place;
        if (_queue.TryPop() is DeviceChain chain)
        {
            _doing = "working";
            _answered.Add((chain, Answer(chain)));
            if (_random.Next(4) == 0)
            {
                GiveBack(_random.Next(_answered.Count) + 1);
            }

            return;
        }

        if (_queue.Error != QueueError.None)
        {
            throw new InvalidOperationException($"the ring is broken: {_queue.Error}");
        }

        // A kick that told of a place came after what lies before it was published.
        if (_hasPlaces && _queue is SplitDeviceQueue && (short)(Word(_queue.NextAvailable) - place) < 0)
        {
            throw new InvalidOperationException($"notified of {place}, found only up to {_queue.NextAvailable}");
        }

        GiveBack(_answered.Count);
        if (_random.Next(2) == 0)
        {
            _doing = "polling";
            Thread.Yield();
            return;
        }

        Sleep();
    }

    /// <summary>Sleeps until it is kicked, and looks at the ring only then: a kick that is lost stays lost.</summary>
    private void Sleep()
    {
        if (_queue.EnableNotifications())
        {
            return;
        }

        _doing = "sleeping";
        while (!_isStopping && !_kick.Wait(s_slice))
        {
        }

        if (_random.Next(2) == 0)
        {
            _queue.SuppressNotifications();
        }
    }

    private uint Answer(DeviceChain chain)
    {
        Span<byte> request = _bytes.AsSpan(0, (int)chain.ReadableLength);
        if (!chain.TryRead(0, request))
        {
            throw new InvalidOperationException("a request cannot be read");
        }

        (uint number, int length) = Payload.Check(request);
        Span<byte> answer = _bytes.AsSpan(0, length);
        Payload.Answer(answer, number);
        if (!chain.TryWrite(0, answer))
        {
            throw new InvalidOperationException("an answer has no room");
        }

        return (uint)length;
    }

    private void GiveBack(int count)
    {
        if (count == 0)
        {
            return;
        }

        for (int i = 0; i < count; i++)
        {
            int pick = _queue.IsInOrder ? 0 : _random.Next(_answered.Count);
            _queue.Push(_answered[pick].Chain, _answered[pick].Length);
            _answered.RemoveAt(pick);
        }

        if (_queue.Publish(merge: _random.Next(4) != 0))
        {
            _interrupt.Ring();
        }
    }

    private static ushort Word(RingPosition position) =>
        (ushort)(position.Offset | (position.Wrap ? 0x8000 : 0));
}
