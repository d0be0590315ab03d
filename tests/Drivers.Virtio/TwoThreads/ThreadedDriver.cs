using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.TwoThreads;

/// <summary>The driver's thread: adds requests in batches, polls or sleeps for answers, and checks each.</summary>
internal sealed class ThreadedDriver
{
    /// <summary>The most segments of a request or of an answer.</summary>
    private const int MostParts = 2;

    private const int SlotLength = 512;
    private const int LongestPart = 120;

    /// <summary>How long a wake-up may take on a busy machine before it counts as lost.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(10);

    private readonly Virtqueue _queue;
    private readonly Doorbell _kick;
    private readonly Doorbell _interrupt;
    private readonly Random _random;
    private readonly DmaMemory _requests;
    private readonly DmaMemory _answers;
    private readonly uint[] _numbers;
    private readonly int[] _lengths;
    private readonly int[] _free;
    private readonly UsedBuffer[] _used = new UsedBuffer[8];
    private int _freeCount;
    private uint _next;

    public ThreadedDriver(DmaTag dma, Virtqueue queue, Doorbell kick, Doorbell interrupt, int seed)
    {
        _queue = queue;
        _kick = kick;
        _interrupt = interrupt;
        _random = new Random(seed);
        _freeCount = queue.Size;
        _requests = dma.Allocate((uint)(_freeCount * SlotLength), 64)!;
        _answers = dma.Allocate((uint)(_freeCount * SlotLength), 64)!;
        _numbers = new uint[_freeCount];
        _lengths = new int[_freeCount];
        _free = new int[_freeCount];
        for (int i = 0; i < _freeCount; i++)
        {
            _free[i] = i;
        }
    }

    /// <summary>How many requests were added.</summary>
    public uint Added => _next;

    /// <summary>How often it slept.</summary>
    public int Sleeps { get; private set; }

    /// <summary>Adds what finds room, up to a batch, and kicks the device if it wants to be.</summary>
    /// <returns>Whether anything was added.</returns>
    public bool TryAddBatch()
    {
        int wanted = 1 + _random.Next(4);
        int count = 0;
        while (count < wanted && TryAdd())
        {
            count++;
        }

        if (count != 0 && _queue.NeedsNotification())
        {
            _kick.Ring(_queue.NextAvailable);
        }

        return count != 0;
    }

    /// <summary>Takes answers back, or waits for one in some way if there is none.</summary>
    public void TakeOrWait()
    {
        if (Take() != 0 || _queue.InFlight == 0)
        {
            return;
        }

        int way = _random.Next(8);
        if (way < 4)
        {
            Thread.Yield();
            return;
        }

        bool isWaiting = way == 4 ? _queue.EnableInterruptsDelayed(_random.Next(101)) : _queue.EnableInterrupts();
        if (!isWaiting)
        {
            Sleeps++;
            if (!_interrupt.Wait(s_patience))
            {
                throw new TimeoutException("an interrupt was lost");
            }
        }

        if (way != 7)
        {
            _queue.DisableInterrupts();
        }
    }

    public override string ToString() =>
        $"driver: added {_queue.Added}, used {_queue.Used}, in flight {_queue.InFlight}, "
        + $"free {_queue.FreeDescriptors}, next available {_queue.NextAvailable:x}, fault {_queue.Fault}, "
        + $"notified {_queue.Notifications} times";

    private bool TryAdd()
    {
        if (_freeCount == 0)
        {
            return false;
        }

        int slot = _free[_freeCount - 1];
        Span<DmaSegment> request = stackalloc DmaSegment[MostParts];
        Span<DmaSegment> answer = stackalloc DmaSegment[MostParts];
        int most = Math.Clamp(_queue.Size / 2, 1, MostParts);
        int requestLength = Spread(_requests, slot, request[..(1 + _random.Next(most))], out int requestParts);
        int answerLength = Spread(_answers, slot, answer[..(1 + _random.Next(most))], out int answerParts);
        int wanted = _random.Next(2) == 0 ? answerLength : Payload.HeaderLength + _random.Next(answerLength - 11);
        Payload.Ask(_requests.Bytes((uint)(slot * SlotLength), (uint)requestLength), _next, wanted);
        _answers.Bytes((uint)(slot * SlotLength), (uint)answerLength).Clear();
        if (_queue.TryAdd(request[..requestParts], answer[..answerParts], slot) != AddStatus.Ok)
        {
            return false;
        }

        _freeCount--;
        _numbers[slot] = _next++;
        _lengths[slot] = wanted;
        return true;
    }

    /// <summary>Cuts a slot into parts of any length.</summary>
    private int Spread(DmaMemory memory, int slot, Span<DmaSegment> parts, out int count)
    {
        int length = 0;
        count = parts.Length;
        for (int i = 0; i < count; i++)
        {
            int part = Payload.HeaderLength + 1 + _random.Next(LongestPart);
            parts[i] = memory.Segment((uint)((slot * SlotLength) + length), (uint)part);
            length += part;
        }

        return length;
    }

    private int Take()
    {
        int count = _queue.GetUsed(_used.AsSpan(0, 1 + _random.Next(_used.Length)));
        for (int i = 0; i < count; i++)
        {
            int slot = _used[i].Token;
            if (_used[i].WrittenBytes != (uint)_lengths[slot])
            {
                throw new InvalidOperationException(
                    $"{_used[i].WrittenBytes} bytes instead of {_lengths[slot]} in answer {_numbers[slot]}");
            }

            Payload.CheckAnswer(_answers.Bytes((uint)(slot * SlotLength), _used[i].WrittenBytes), _numbers[slot]);
            _lengths[slot] = -1;
            _free[_freeCount++] = slot;
        }

        if (_queue.Fault != QueueFault.None)
        {
            throw new InvalidOperationException($"the device seemed to break the queue: {_queue.Fault}");
        }

        return count;
    }
}
