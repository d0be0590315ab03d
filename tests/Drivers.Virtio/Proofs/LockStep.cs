using System;
using System.Collections.Generic;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>Both sides of one queue, one step at a time.</summary>
internal sealed class LockStep
{
    private const int Size = 4;
    private const int Buffers = 4;
    private const int LongestChain = 3;

    /// <summary>Every segment has lines of its own.</summary>
    private const uint PartLength = 64;
    private const uint BufferLength = LongestChain * PartLength;

    private readonly Virtqueue _queue;
    private readonly DeviceQueue _device;
    private readonly DmaMemory _data;
    private readonly List<int> _posted = new List<int>();
    private readonly List<DeviceChain> _taken = new List<DeviceChain>();
    private readonly int[] _lengths = new int[Buffers];
    private readonly uint[] _questions = new uint[Buffers];
    private uint _question;

    /// <summary>Creates an empty queue and opens it at the device.</summary>
    public LockStep(SimulatedDma dma, DmaTag tag, Features form)
    {
        _queue = Virtqueue.TryCreate(tag, 0, Size, form, new ChainShape(LongestChain))!;
        _data = tag.Allocate(Buffers * BufferLength, PartLength)!;
        QueueAreas areas = new QueueAreas(_queue.DescriptorArea, _queue.DriverArea, _queue.DeviceArea);
        _device = DeviceQueue.TryOpen(dma.GuestMemory, areas, Size, (ulong)form, out _)!;
    }

    /// <summary>
    /// Before either side has said anything, zeroed memory says that there is no buffer and that notifications are
    /// wanted.
    /// </summary>
    public void PostFirst()
    {
        Require(!_device.HasAvailable(), "the device finds a buffer that nobody added");
        Require(_device.Error == QueueError.None, $"the device finds a broken ring: {_device.Error}");
        Add(0, 2);
        Require(_queue.NeedsNotification(), "the driver does not notify a device that has said nothing");
        Pop();
        Require(!_queue.EnableInterrupts(), "the driver finds a used buffer that is none");
    }

    /// <summary>
    /// The driver makes two buffers available, in chains of 2 and 2 or of 3 and 1: one while the device wants no
    /// notification, one when it wants one again. Then it looks for used ones in vain.
    /// </summary>
    public void Post(int round, int looks)
    {
        if (looks == 0)
        {
            Require(!_queue.EnableInterrupts(), "the driver finds a used buffer where none is in flight");
        }

        _device.SuppressNotifications();
        Add((2 * round) % Buffers, round % 2 == 0 ? 2 : LongestChain);
        _queue.NeedsNotification();
        Pop();
        Require(!_device.EnableNotifications(), "the device finds a buffer that nobody added");
        Add(((2 * round) + 1) % Buffers, round % 2 == 0 ? 2 : 1);
        Require(_queue.NeedsNotification(), "the driver does not see that the device wants a notification");
        Pop();
        for (int i = 0; i < looks; i++)
        {
            bool isFound = i == 0 ? _queue.EnableInterrupts() : _queue.TryGetUsed(out _, out _);
            Require(!isFound, "the driver finds a used buffer that is none");
            RequireNoFault();
        }
    }

    /// <summary>The device uses both buffers; the driver takes them, with one look each.</summary>
    public void Complete(int round)
    {
        if (!_device.IsInOrder && round % 3 == 1)
        {
            _taken.Reverse();
        }

        List<uint> answers = new List<uint>();
        bool isWanted = false;
        foreach (DeviceChain chain in _taken)
        {
            answers.Add(Answer(chain));
            _device.Push(chain, (uint)chain.WritableLength);
            if (round % 3 != 2)
            {
                isWanted |= _device.Publish();
            }
        }

        isWanted |= _device.Publish();
        Require(isWanted, "the device does not see that the driver wants an interrupt");
        _taken.Clear();
        foreach (uint answer in answers)
        {
            Take(answer);
        }

        _queue.DisableInterrupts();
    }

    /// <summary>The device is reset, and everything is given back.</summary>
    public void Release()
    {
        while (_queue.TryDetach(out int token))
        {
            Require(_posted.Remove(token), $"the driver takes back buffer {token}, which is not in flight");
            TakeOver(token);
        }

        Require(_posted.Count == 0, "the driver does not take back what the device had");
        _data.Free();
        _queue.Release(quarantine: false);
    }

    private static void Require(bool condition, string otherwise) => Scenario.Require(condition, otherwise);

    private static uint AnswerTo(uint question, int part) => 0x8000_0000 + (question << 8) + (uint)part;

    private void RequireNoFault() => Require(
        _queue.Fault == QueueFault.None, $"the driver finds that the device {QueueFaults.Describe(_queue.Fault)}");

    private void Pop()
    {
        while (_device.TryPop() is { } chain)
        {
            _taken.Add(chain);
        }

        Require(_device.Error == QueueError.None, $"the device finds a broken ring: {_device.Error}");
        Require(_taken.Count == _posted.Count, $"the device finds {_taken.Count} buffers of {_posted.Count}");
    }

    private void Add(int token, int parts)
    {
        // One part to read and the others to write; a single one is to write.
        uint start = (uint)token * BufferLength;
        int readable = parts == 1 ? 0 : 1;
        DmaSegment[] segments = new DmaSegment[parts];
        for (uint i = 0; i < segments.Length; i++)
        {
            segments[i] = _data.Segment(start + (i * PartLength), PartLength);
            _data.Store32(start + (i * PartLength), 0);
        }

        _questions[token] = ++_question;
        _lengths[token] = parts;
        if (readable == 1)
        {
            _data.Store32(start, _question);
        }

        _data.Sync(start, (uint)parts * PartLength, DmaSync.PreWrite | DmaSync.PreRead, ProofSites.Data);
        AddStatus status = _queue.TryAdd(segments.AsSpan(0, readable), segments.AsSpan(readable), token);
        Require(status == AddStatus.Ok, $"a buffer is not added: {status}");
        _posted.Add(token);
    }

    private uint Answer(DeviceChain chain)
    {
        byte[] word = new byte[4];
        uint question = 0;
        if (chain.ReadableLength != 0)
        {
            Require(chain.TryRead(0, word), "the device cannot read a buffer");
            question = BitConverter.ToUInt32(word);
        }

        int parts = chain.Writable.Length;
        for (int i = 0; i < parts; i++)
        {
            BitConverter.TryWriteBytes(word, AnswerTo(question, i));
            Require(chain.TryWrite((ulong)i * PartLength, word), "the device cannot write a buffer");
        }

        return question;
    }

    private void Take(uint question)
    {
        bool isFound = _queue.TryGetUsed(out int token, out uint written);
        RequireNoFault();
        Require(isFound, "the driver does not find a used buffer");
        Require(_posted.Remove(token), $"the driver takes buffer {token}, which is not in flight");
        int parts = _lengths[token];
        int readable = parts == 1 ? 0 : 1;
        uint expected = readable == 0 ? 0 : _questions[token];
        Require(question == expected, "the device answered another buffer than the driver takes");
        Require(written == (uint)(parts - readable) * PartLength, $"the driver takes {written} bytes");
        TakeOver(token);
        for (int i = readable; i < parts; i++)
        {
            uint found = _data.Load32(((uint)token * BufferLength) + ((uint)i * PartLength));
            Require(found == AnswerTo(expected, i - readable), $"the driver finds 0x{found:x} in a buffer");
        }
    }

    private void TakeOver(int token)
    {
        uint length = (uint)_lengths[token] * PartLength;
        _data.Sync((uint)token * BufferLength, length, DmaSync.PostWrite | DmaSync.PostRead, ProofSites.Data);
    }
}
