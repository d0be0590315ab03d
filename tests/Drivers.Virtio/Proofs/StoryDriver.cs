using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>The driver of an <see cref="OrderingStory"/>.</summary>
internal sealed class StoryDriver
{
    private const int None = -1;

    private readonly OrderingStory _story;
    private readonly WeakMemory _memory;
    private readonly Virtqueue _queue;
    private readonly DmaMemory _data;
    private readonly Signal _kick;
    private readonly Signal _interrupt;
    private readonly UsedBuffer[] _used;
    private readonly DmaSegment[] _segments;
    private readonly int[] _sequences;
    private readonly int _readable;

    public StoryDriver(
        OrderingStory story, WeakMemory memory, Virtqueue queue, DmaMemory data, Signal kick, Signal interrupt)
    {
        _story = story;
        _memory = memory;
        _queue = queue;
        _data = data;
        _kick = kick;
        _interrupt = interrupt;
        _used = new UsedBuffer[story.Window];
        _segments = new DmaSegment[story.Segments];
        _readable = story.Segments == 1 ? 0 : 1;
        _sequences = new int[story.Window];
        Array.Fill(_sequences, None);
    }

    public void Run()
    {
        int added = 0;
        int done = 0;
        if (_story.Wait == OrderingStory.DriverWait.Polling)
        {
            _queue.DisableInterrupts();
        }

        while (done < _story.Buffers)
        {
            int before = added;
            while (added < _story.Buffers && added - done < _story.Window && _queue.HasRoom(_story.Segments))
            {
                Add(added++);
            }

            if (added != before && _queue.NeedsNotification())
            {
                _kick.Set();
            }

            int count = Take();
            done += count;
            if (count == 0)
            {
                Wait();
            }
        }
    }

    private void Add(int sequence)
    {
        int token = Array.IndexOf(_sequences, None);
        _sequences[token] = sequence;
        uint start = (uint)token * BufferWords.Stride;
        for (int i = 0; i < _segments.Length; i++)
        {
            _segments[i] = _data.Segment(start + ((uint)i * BufferWords.Length), BufferWords.Length);
        }

        // Written in full, so that what an earlier buffer left here cannot pass for an answer.
        for (int i = 0; i < _segments.Length; i++)
        {
            _data.Store32(start + ((uint)i * BufferWords.Length), i < _readable ? BufferWords.Question(sequence) : 0);
        }

        AddStatus status = _queue.TryAdd(_segments.AsSpan(0, _readable), _segments.AsSpan(_readable), token);
        Scenario.Require(status == AddStatus.Ok, $"adding buffer {sequence}: {status}");
    }

    private int Take()
    {
        int count = _queue.GetUsed(_used);
        Scenario.Require(_queue.Fault == QueueFault.None, $"the device {QueueFaults.Describe(_queue.Fault)}");
        for (int i = 0; i < count; i++)
        {
            Check(_used[i].Token, _used[i].WrittenBytes);
        }

        return count;
    }

    private void Check(int token, uint written)
    {
        int sequence = token >= 0 && token < _sequences.Length ? _sequences[token] : None;
        Scenario.Require(sequence != None, $"took a buffer that is not in flight ({token})");
        _sequences[token] = None;
        uint expected = (uint)(_story.Segments - _readable) * BufferWords.Length;
        Scenario.Require(written == expected, $"took buffer {sequence} with length {written} instead of {expected}");
        uint question = _readable == 0 ? 0 : BufferWords.Question(sequence);
        for (int i = _readable; i < _story.Segments; i++)
        {
            uint found = _data.Load32(((uint)token * BufferWords.Stride) + ((uint)i * BufferWords.Length));
            uint meant = BufferWords.Answer(question, i - _readable);
            Scenario.Require(found == meant, $"found 0x{found:x} in buffer {sequence} instead of 0x{meant:x}");
        }
    }

    private void Wait()
    {
        if (_story.Wait == OrderingStory.DriverWait.Polling)
        {
            _memory.Pause();
            return;
        }

        bool isWaiting = _story.Wait == OrderingStory.DriverWait.DelayedInterrupts
            ? _queue.EnableInterruptsDelayed(100)
            : _queue.EnableInterrupts();
        if (!isWaiting)
        {
            _interrupt.Wait();
        }

        _queue.DisableInterrupts();
    }
}
