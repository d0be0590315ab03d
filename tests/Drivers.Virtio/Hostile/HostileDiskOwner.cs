using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>Owns a disk.</summary>
internal sealed class HostileDiskOwner : HostileOwner
{
    private const int Tokens = 4096;
    private const uint BufferLength = 4096;
    private const ulong BufferAddress = 0x8000_0000_0000;
    private const int MostQueues = 3;

    private readonly VirtioBlock _driver;
    private readonly BlockCompletion[] _completions = new BlockCompletion[4];
    private readonly bool[] _isInFlight = new bool[Tokens];
    private readonly DmaSegment[] _data = new DmaSegment[3];
    private readonly BlockRange[] _ranges = new BlockRange[3];
    private DmaMemory? _rangeMemory;
    private int _next;
    private int _inFlight;

    public HostileDiskOwner(HostileBench bench, VirtioTransport transport, bool expectsNoAllocation)
        : base(bench, expectsNoAllocation)
    {
        _driver = new VirtioBlock(transport, "disk0", this, 1 + bench.Random.Below(MostQueues));
        bench.Machine.Memory.AllocateBuffer(BufferLength, BufferAddress);
    }

    public override VirtioDevice Driver => _driver;

    public override void TakeAllBack()
    {
        for (int i = 0; i < MostQueues; i++)
        {
            for (int count = _completions.Length; i < Queues && count == _completions.Length;)
            {
                count = Drain(_driver.Queue(i));
            }
        }

        BrokenPromiseException.Unless(_inFlight == 0, "every request comes back when the device is stopped");
        if (_driver.State == DeviceState.Abandoned)
        {
            _rangeMemory?.Quarantine();
        }
        else
        {
            _rangeMemory?.Free();
        }

        _rangeMemory = null;
    }

    public override void Disturb()
    {
        _rangeMemory ??= Bench.Machine.Memory.Allocate(BlockRange.Length * (uint)_ranges.Length, 64);
        if (Bench.Random.Chance(30))
        {
            _driver.TrySetWriteback(Bench.Random.Chance(50));
        }
        else
        {
            AnyQueue.TryReset(1 + Bench.Random.Below(300));
        }
    }

    protected override void Submit(int what)
    {
        switch (what)
        {
            case < 35:
                SubmitOne(AnyQueue);
                break;
            case < 45:
                SubmitRanges(AnyQueue);
                break;
            case < 65:
                AnyQueue.Notify();
                break;
            case < 85:
                Drain(AnyQueue);
                break;
            case < 93:
                AnyQueue.EnableInterrupts();
                break;
            default:
                AnyQueue.DisableInterrupts();
                break;
        }
    }

    protected override void Serve()
    {
        for (int i = 0; i < Queues; i++)
        {
            // Each round takes a buffer back, or ends.
            BlockQueue queue = _driver.Queue(i);
            int rounds = 0;
            do
            {
                while (Drain(queue) == _completions.Length)
                {
                    rounds++;
                }

                BrokenPromiseException.Unless(++rounds < Tokens, "serving an interrupt comes to an end");
            }
            while (queue.EnableInterrupts());
        }
    }

    private int Queues => Math.Max(_driver.QueueCount, 1);

    private BlockQueue AnyQueue => _driver.Queue(Bench.Random.Below(Queues));

    private void SubmitOne(BlockQueue queue)
    {
        int count = Bench.Random.Below(_data.Length + 1);
        for (int i = 0; i < count; i++)
        {
            _data[i] = new DmaSegment(BufferAddress + (1024u * (uint)i), 512u + (uint)(256 * Bench.Random.Below(3)));
        }

        BlockOperation operation = (BlockOperation)Bench.Random.Below(3);
        if (Bench.Random.Chance(10))
        {
            bool asksName = Bench.Random.Chance(50);
            operation = asksName ? BlockOperation.GetId : BlockOperation.GetLifetime;
            _data[0] = new DmaSegment(BufferAddress, asksName ? VirtioBlock.IdLength : BlockLifetime.Length);
            count = 1;
        }

        ulong sector = Bench.Random.Chance(90) ? (ulong)Bench.Random.Below(64) : Bench.Random.WideBits();
        int token = _next % Tokens;
        Count(queue.TrySubmit(operation, sector, _data.AsSpan(0, count), token), token);
    }

    private void SubmitRanges(BlockQueue queue)
    {
        if (_rangeMemory is null)
        {
            return;
        }

        int count = Bench.Random.Below(_ranges.Length + 1);
        for (int i = 0; i < count; i++)
        {
            ulong sector = (ulong)Bench.Random.Below(64);
            _ranges[i] = new BlockRange(sector, (uint)Bench.Random.Below(8), Bench.Random.Chance(20));
        }

        BlockOperation operation = (BlockOperation)(11 + Bench.Random.Below(4));
        int token = _next % Tokens;
        Count(queue.TrySubmitRanges(operation, _ranges.AsSpan(0, count), _rangeMemory, token), token);
    }

    private void Count(BlockStatus status, int token)
    {
        if (status == BlockStatus.Ok)
        {
            BrokenPromiseException.Unless(!_isInFlight[token], "no request is lost");
            _isInFlight[token] = true;
            _inFlight++;
            _next++;
        }
    }

    private int Drain(BlockQueue queue)
    {
        int count = queue.Drain(_completions);
        foreach (BlockCompletion completion in new ReadOnlySpan<BlockCompletion>(_completions, 0, count))
        {
            int token = completion.Token;
            bool isKnown = token is >= 0 and < Tokens && _isInFlight[token];
            BrokenPromiseException.Unless(isKnown, "a request comes back once, and was submitted");
            _isInFlight[token] = false;
            _inFlight--;
        }

        return count;
    }
}
