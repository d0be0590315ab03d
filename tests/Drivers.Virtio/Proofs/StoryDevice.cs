using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>The device of an <see cref="OrderingStory"/>: serves whatever comes, and sleeps in between.</summary>
internal sealed class StoryDevice
{
    private readonly OrderingStory _story;
    private readonly DeviceQueue _queue;
    private readonly Signal _kick;
    private readonly Signal _interrupt;
    private readonly List<DeviceChain> _taken = new List<DeviceChain>();
    private readonly byte[] _word = new byte[BufferWords.Length];

    public StoryDevice(OrderingStory story, DeviceQueue queue, Signal kick, Signal interrupt)
    {
        _story = story;
        _queue = queue;
        _kick = kick;
        _interrupt = interrupt;
    }

    public void Run()
    {
        while (true)
        {
            _queue.SuppressNotifications();
            while (_queue.TryPop() is { } chain)
            {
                _taken.Add(chain);
                if (!_story.DeviceCollects)
                {
                    Finish();
                }
            }

            Scenario.Require(_queue.Error == QueueError.None, $"the driver's ring is broken: {_queue.Error}");
            Finish();
            if (!_queue.EnableNotifications())
            {
                _kick.Wait();
            }
        }
    }

    private void Finish()
    {
        if (_taken.Count == 0)
        {
            return;
        }

        if (!_queue.IsInOrder)
        {
            _taken.Reverse();
        }

        foreach (DeviceChain chain in _taken)
        {
            _queue.Push(chain, Answer(chain));
        }

        _taken.Clear();
        if (_queue.Publish())
        {
            _interrupt.Set();
        }
    }

    private uint Answer(DeviceChain chain)
    {
        uint question = 0;
        if (chain.ReadableLength != 0)
        {
            Scenario.Require(chain.TryRead(0, _word), $"a buffer of {chain.ReadableLength} readable bytes");
            question = BinaryPrimitives.ReadUInt32LittleEndian(_word);
        }

        uint written = 0;
        for (int i = 0; i < _story.Segments - (_story.Segments == 1 ? 0 : 1); i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_word, BufferWords.Answer(question, i));
            Scenario.Require(chain.TryWrite(written, _word), $"a buffer of {chain.WritableLength} writable bytes");
            written += BufferWords.Length;
        }

        return written;
    }
}
