using System;
using System.Diagnostics;
using System.Threading;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Data;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;

namespace VirtioGuest.Kernel.Benchmarks;

/// <summary>What reading from a block device costs: the driver alone, and the whole guest.</summary>
/// <remarks>
/// The device is driven as a disk's is: one lock around its queue, interrupts held back while completions are
/// drained, and a look behind asking for them. A number of reads is submitted, announced together, and waited for; then
/// the next. Where it is one read, whoever asks waits for the interrupt itself, if the queue has one to claim.
/// <para>
/// What it takes to notify the device is measured by itself and without interrupts, because the one that it leads to
/// comes before it is over.
/// </para>
/// </remarks>
internal sealed class BlockBenchmark : DeviceEventSink
{
    /// <summary>How many bytes a read has.</summary>
    public const int ReadLength = 4096;

    /// <summary>The most reads in flight.</summary>
    public const int MaximumDepth = 128;

    private const ulong SectorsPerRead = ReadLength / VirtioBlock.SectorSize;
    private const int WarmUpBatches = 16;
    private const int PolledBatches = 64;
    private const int DrainBatch = 64;
    private const ulong Seed = 1;

    private const ulong PollInterval = 100_000_000;
    private const int PollLimit = 100;

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    private readonly object _gate = new();
    private readonly WakeSignal _changed = new();
    private readonly BlockCompletion[] _completions = new BlockCompletion[DrainBatch];
    private readonly VirtioTransport _transport;
    private readonly VirtioBlock _device;
    private readonly BlockQueue _queue;
    private readonly DmaTag _dma;
    private readonly int _depth;
    private readonly ShellContext _shell;
    private TickCount _submit = new(0);
    private TickCount _notify = new(0);
    private TickCount _complete = new(0);
    private DmaMemory? _memory;
    private MessageInterrupt? _interrupt;
    private ulong _position = Seed;
    private volatile int _inFlight;
    private volatile bool _hasFailed;

    private BlockBenchmark(VirtioTransport transport, string name, int depth, ShellContext shell)
    {
        _transport = transport;
        _device = new VirtioBlock(transport, name, this);
        _queue = _device.Queue(0);
        _dma = transport.Machine.Dma;
        _depth = depth;
        _shell = shell;
    }

    /// <summary>Takes the device from its disk, measures, and gives it back.</summary>
    /// <param name="disk">A disk with nothing in flight. Requests fail meanwhile.</param>
    /// <param name="system">The machine's statistics.</param>
    /// <param name="depth">How many reads are in flight, 1 to <see cref="MaximumDepth"/>.</param>
    /// <param name="count">How many reads there are, rounded up to a multiple of that.</param>
    /// <param name="shell">Who may interrupt it.</param>
    /// <param name="failure">Why there is no result.</param>
    public static BlockReadCost? TryRun(
        Disk disk, SystemControl system, int depth, ulong count, ShellContext shell, out Failure? failure)
    {
        if (!disk.TrySuspend(out failure))
        {
            return null;
        }

        var benchmark = new BlockBenchmark(disk.Device.Transport, disk.Name, depth, shell);
        BlockReadCost? cost = benchmark.Start(out failure) ? benchmark.Run(system, count, out failure) : null;
        if (!benchmark.Stop())
        {
            failure = new Failure("does not finish its reset");
            return null;
        }

        return disk.TryResume(out Failure? restartFailure) ? cost : Refuse(restartFailure, out failure);
    }

    /// <inheritdoc/>
    public override void OnUsedBuffers(ushort queueIndex)
    {
        TakeCompletions();
        if (_inFlight == 0)
        {
            WakeWaiter();
        }
    }

    /// <inheritdoc/>
    public override void OnConfigurationChange()
    {
        lock (_gate)
        {
            _device.ObserveChange();
            _hasFailed |= _device.State != DeviceState.Running;
        }

        WakeWaiter();
    }

    private static BlockReadCost? Refuse(Failure why, out Failure? failure)
    {
        failure = why;
        return null;
    }

    private bool Start(out Failure? failure)
    {
        if (!_device.TryStart(out failure))
        {
            return false;
        }

        if (_depth > _queue.MaximumRequests || _device.MaximumSegmentLength < ReadLength)
        {
            failure = new Failure("does not take so many reads at once");
        }
        else if (_device.Capacity < SectorsPerRead)
        {
            failure = new Failure("is too small");
        }
        else
        {
            _memory = _dma.Allocate((uint)_depth * ReadLength, ReadLength);
            failure = _memory is null ? new Failure("cannot be given memory") : null;
        }

        return failure is null;
    }

    private bool Stop()
    {
        bool isConfirmed;
        lock (_gate)
        {
            isConfirmed = _device.Stop();
        }

        if (isConfirmed)
        {
            _memory?.Free();
        }
        else
        {
            _memory?.Quarantine();
        }

        return isConfirmed;
    }

    private BlockReadCost? Run(SystemControl system, ulong count, out Failure? failure)
    {
        _interrupt = _depth == 1 ? _transport.QueueInterrupt(0) : null;
        ulong batches = ((count - 1) / (ulong)_depth) + 1;
        if (!TryReadBatches(WarmUpBatches))
        {
            return Refuse(new Failure("does not read"), out failure);
        }

        ulong emptyPair = TickCount.MeasureEmptyPair();
        _submit = new TickCount(emptyPair);
        _complete = new TickCount(emptyPair);
        GuestMeter start = GuestMeter.Read(system, _device);
        if (!TryReadBatches(batches))
        {
            return Refuse(new Failure("does not read"), out failure);
        }

        GuestMeter end = GuestMeter.Read(system, _device);
        ulong submitTicks = _submit.Total;
        ulong completeTicks = _complete.Total;
        _notify = new TickCount(emptyPair);
        if (!TryPollBatches())
        {
            return Refuse(new Failure("does not read"), out failure);
        }

        failure = null;
        return new BlockReadCost
        {
            RingFormat = _device.Describe().RingFormat,
            Reads = batches * (ulong)_depth,
            SubmitTicks = submitTicks,
            NotifyTicks = _notify.Median * batches,
            CompleteTicks = completeTicks,
            GuestTicks = end.BusyTicksSince(start),
            Notifications = end.Notifications - start.Notifications,
            Interrupts = end.Interrupts - start.Interrupts,
            Nanoseconds = end.Nanoseconds - start.Nanoseconds,
        };
    }

    private bool TryReadBatches(ulong batches)
    {
        for (ulong batch = 0; batch < batches && !_hasFailed; batch++)
        {
            bool isClaimed = _interrupt is not null && _interrupt.TryClaim();
            lock (_gate)
            {
                SubmitBatch();
            }

            for (int polls = 0; _inFlight != 0 && !_hasFailed;)
            {
                polls += TryWait(isClaimed) ? 0 : 1;
                _hasFailed |= polls == PollLimit || _shell.IsInterrupted;
            }

            if (isClaimed && _interrupt!.EndClaim())
            {
                TakeCompletions();
            }

            _hasFailed |= _shell.IsInterrupted;
        }

        return !_hasFailed;
    }

    // False where nothing has happened for the interval.
    private bool TryWait(bool isClaimed)
    {
        if (!isClaimed)
        {
            return _changed.Wait(PollInterval);
        }

        ClaimedWait wait = _interrupt!.WaitClaimed(PollInterval);
        TakeCompletions();
        _hasFailed |= wait == ClaimedWait.Released;
        return wait == ClaimedWait.Arrived;
    }

    private void TakeCompletions()
    {
        lock (_gate)
        {
            Span<BlockCompletion> completions = _completions;
            bool hasMore = _inFlight != 0;
            while (hasMore)
            {
                ulong begin = TickCount.Begin();
                _queue.HoldInterrupts();
                int count = _queue.Drain(completions);
                hasMore = _device.State == DeviceState.Running
                    && (count == completions.Length || _queue.EnableInterrupts());
                _complete.End(begin);
                TakeBack(completions[..count]);
            }
        }
    }

    private void WakeWaiter()
    {
        _changed.Wake();
        _interrupt?.WakeClaimant();
    }

    private bool TryPollBatches()
    {
        lock (_gate)
        {
            Span<BlockCompletion> completions = _completions;
            for (int batch = 0; batch < PolledBatches && !_hasFailed; batch++)
            {
                _queue.DisableInterrupts();
                SubmitBatch();
                long start = Stopwatch.GetTimestamp();
                while (_inFlight != 0 && !_hasFailed)
                {
                    int count = _queue.Drain(completions);
                    TakeBack(completions[..count]);
                    _hasFailed |= Stopwatch.GetElapsedTime(start) > s_timeout;
                }
            }
        }

        return !_hasFailed;
    }

    private void SubmitBatch()
    {
        for (int i = 0; i < _depth && !_hasFailed; i++)
        {
            uint offset = (uint)i * ReadLength;
            ulong place = SplitMix64.Mix(_position++) % (_device.Capacity / SectorsPerRead);
            var segment = _memory!.Segment(offset, ReadLength);
            _memory.Sync(offset, ReadLength, DmaSync.PreRead);
            ulong begin = TickCount.Begin();
            BlockStatus status = _queue.TrySubmit(
                BlockOperation.Read, place * SectorsPerRead, new ReadOnlySpan<DmaSegment>(in segment), i);
            _submit.End(begin);
            _hasFailed |= status != BlockStatus.Ok;
            _inFlight++;
        }

        ulong announced = TickCount.Begin();
        _queue.Notify();
        _notify.End(announced);
    }

    private void TakeBack(ReadOnlySpan<BlockCompletion> completions)
    {
        foreach (BlockCompletion completion in completions)
        {
            _memory!.Sync((uint)completion.Token * ReadLength, ReadLength, DmaSync.PostRead);
            _hasFailed |= completion.Status != BlockStatus.Ok;
        }

        _inFlight -= completions.Length;
    }
}

/// <summary>What a number of reads from a block device took, all in all.</summary>
internal sealed class BlockReadCost
{
    /// <summary>The format of the ring: <c>packed</c> or <c>split</c>.</summary>
    public required string RingFormat { get; init; }

    /// <summary>How many reads there were, at least 1.</summary>
    public required ulong Reads { get; init; }

    /// <summary>Timestamp ticks in the driver's entry point that takes a request.</summary>
    public required ulong SubmitTicks { get; init; }

    /// <summary>Timestamp ticks in the driver's entry point that notifies the device.</summary>
    public required ulong NotifyTicks { get; init; }

    /// <summary>
    /// Timestamp ticks in the driver's entry points for completions, and for interrupts off and on around them.
    /// </summary>
    public required ulong CompleteTicks { get; init; }

    /// <summary>Timestamp ticks in the driver's entry points, all in all.</summary>
    public ulong DriverTicks => SubmitTicks + NotifyTicks + CompleteTicks;

    /// <summary>Timestamp ticks of everything but the idle thread, the benchmark itself included.</summary>
    public required ulong GuestTicks { get; init; }

    /// <summary>How often the device was notified.</summary>
    public required ulong Notifications { get; init; }

    /// <summary>How often the device interrupted.</summary>
    public required ulong Interrupts { get; init; }

    /// <summary>How long it took.</summary>
    public required ulong Nanoseconds { get; init; }
}
