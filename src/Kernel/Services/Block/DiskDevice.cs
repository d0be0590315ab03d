using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services.Block;

/// <summary>The device behind a disk: gets requests, completes them, and is brought up again where needed.</summary>
/// <remarks>
/// <para>
/// One lock keeps the device's queues to one context at a time: submitters, those who wait, and the driver threads. It
/// has one way out (<see cref="Section"/>): whoever leaves it brings a device up again that was found in trouble
/// meanwhile, so that nobody ever finds one which nobody looks after. A thread's requests go to one queue; on one
/// processor more queues than one pay only where the device serves them side by side.
/// </para>
/// <para>
/// Once a device has confirmed its reset, what it had is handed to it once more, and fails with a status where that
/// comes to nothing either. Doing it twice does no harm: whoever wants an order among requests waits for the first
/// before he sends the second, and reading, writing or flushing the same again changes nothing. After a reset that was
/// not confirmed nothing is repeated: the buffers are quarantined and the disk is out of use. What the user's limit was
/// over for is not repeated either.
/// </para>
/// <para>
/// A device may come back with a smaller queue, or take less at a time. What finds no room waits in the backlog, and
/// what is too long goes in pieces.
/// </para>
/// </remarks>
internal sealed class DiskDevice
{
    private const uint PreferredLength = 128 * 1024;
    private const uint LargestBlock = 2 * 1024 * 1024;
    private const int Batch = 32;
    private const int SilentAnswersForWarning = 3;

    /// <summary>The most queues that are used: each takes memory, and a vector where it has one to itself.</summary>
    private const int MostQueues = 8;
    private const int PreferredQueueSize = 256;

    /// <summary>Where answers take longer, whoever waits in the hybrid way does not look for them first.</summary>
    private const ulong LongestPoll = 200_000;
    private const ulong LeastPoll = 5_000;

    private readonly Lock _gate = new();
    private readonly Lane[] _lanes = new Lane[MostQueues];
    private readonly DeviceRecovery _recovery;
    private readonly RequestWatch _watch;
    private readonly List<DiskRequest?> _requests = [];
    private readonly Stack<int> _freeTokens = new();
    private readonly Queue<DiskRequest> _aborted = new();
    private readonly BlockCompletion[] _completions = new BlockCompletion[Batch];
    private int _answersWithoutInterrupt;
    private ulong _usualAnswer;
    private bool _hasLostFlush;
    private bool _isGone;
    private bool _isRemoved;

    private DiskDevice(VirtioBlock driver, RequestWatch watch)
    {
        Driver = driver;
        for (int i = 0; i < MostQueues; i++)
        {
            _lanes[i] = new Lane(driver.Queue(i));
        }

        _watch = watch;
        _recovery = new DeviceRecovery(driver);
    }

    /// <summary>The driver. Only what never changes is read without the lock.</summary>
    public VirtioBlock Driver { get; }

    /// <summary>Who measures what the driver does; null for nobody.</summary>
    public DriverMeter? Meter { get; set; }

    /// <summary>Whether the device takes no more requests, ever.</summary>
    public bool IsGone => Volatile.Read(ref _isGone);

    /// <summary>Whether it was taken out of the machine.</summary>
    public bool IsRemoved => Volatile.Read(ref _isRemoved);

    /// <summary>What a request is told where the device takes none.</summary>
    public BlockStatus WhyGone => IsRemoved ? BlockStatus.Removed : BlockStatus.NotRunning;

    /// <summary>
    /// The longest request that it gets in one piece, as it was at first: bytes, a multiple of a sector, and of a block
    /// where a request can hold one.
    /// </summary>
    public uint RequestLength { get; private set; }

    /// <summary>How many such requests a queue has room for, at least 1.</summary>
    public int FullRequests { get; private set; }

    /// <summary>How many segments a request may have now.</summary>
    public int MaximumSegments { get; private set; }

    /// <summary>How many bytes of such a request the device takes at once.</summary>
    private uint TakenAtOnce =>
        (uint)Math.Min((ulong)MaximumSegments * Driver.MaximumSegmentLength, RequestLength);

    /// <summary>Brings a device up.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="watch">Who counts how long its requests take.</param>
    /// <param name="failure">Why it cannot be.</param>
    public static DiskDevice? TryStart(
        VirtioTransport transport, string name, RequestWatch watch, out Failure? failure)
    {
        var events = new OwnerEvents();
        var driver = new VirtioBlock(transport, name, events, MostQueues);
        if (!driver.TryStart(out failure))
        {
            return null;
        }

        var device = new DiskDevice(driver, watch);
        if (!device.TryMeasure())
        {
            driver.Stop();
            failure = new Failure("takes less than a sector at a time");
            return null;
        }

        events.Attach(device.OnUsedBuffers, device.OnConfigurationChange);

        // What changed before the disk was there to be told.
        device.OnConfigurationChange();
        return device;
    }

    /// <summary>Takes a request into the device's keeping, before it is submitted for the first time.</summary>
    public void Add(DiskRequest request)
    {
        lock (_gate)
        {
            if (_freeTokens.TryPop(out int token))
            {
                request.Token = token;
                _requests[token] = request;
            }
            else
            {
                request.Token = _requests.Count;
                _requests.Add(request);
            }
        }
    }

    /// <summary>Lets go of a request that is not in flight, and will not be submitted again.</summary>
    public void Drop(DiskRequest request)
    {
        lock (_gate)
        {
            _requests[request.Token] = null;
            _freeTokens.Push(request.Token);
        }
    }

    /// <summary>Hands a request to the device; it may have ended at once.</summary>
    /// <returns>Ok where it has to be waited for; else why the device takes none.</returns>
    public BlockStatus Submit(DiskRequest request) =>
        Submit(new ReadOnlySpan<DiskRequest>(in request), WaitMode.Interrupt);

    /// <summary>Hands requests to the device, which is notified once; any may have ended at once.</summary>
    /// <param name="requests">Described and not in flight.</param>
    /// <param name="mode">How they will be waited for.</param>
    /// <returns>Ok where they have to be waited for; else why the device takes none.</returns>
    public BlockStatus Submit(ReadOnlySpan<DiskRequest> requests, WaitMode mode)
    {
        bool hasToAsk;
        Lane lane;
        int submitter = Environment.CurrentManagedThreadId;
        using (Enter())
        {
            lane = _lanes[LaneOf(submitter)];
            if (_isGone)
            {
                return WhyGone;
            }

            ulong now = _watch.Now;
            foreach (DiskRequest request in requests)
            {
                request.Submitter = submitter;
                _watch.Begin(request, now);
                if (lane.Backlog.Count != 0 || lane.Holders != 0 || !TryHandOver(request, lane.Queue))
                {
                    lane.Backlog.Enqueue(request);
                }
            }

            Notify(lane.Queue);
            hasToAsk = lane.IsQuiet && lane.Pollers == 0 && mode == WaitMode.Interrupt;
        }

        if (hasToAsk)
        {
            TakeAnswers(lane);
        }

        return BlockStatus.Ok;
    }

    /// <summary>Hands requests to the device and blocks until a wait is over, as <see cref="TryWait"/> does.</summary>
    /// <param name="requests">Described and not in flight.</param>
    /// <param name="wait">For one of these requests, or one that was submitted before.</param>
    /// <param name="mode">How.</param>
    /// <param name="timeout">For how long at most.</param>
    /// <returns>Ok where the requests are in flight, however the wait ended; else why the device takes none.</returns>
    public BlockStatus SubmitAndWait(
        ReadOnlySpan<DiskRequest> requests, DiskWait wait, WaitMode mode, TimeSpan timeout)
    {
        // The claim comes before the device can answer: afterwards, its interrupt would wake another thread first.
        Lane lane = _lanes[LaneOf(Environment.CurrentManagedThreadId)];
        MessageInterrupt? interrupt = mode == WaitMode.Interrupt ? Volatile.Read(ref lane.Interrupt) : null;
        if (interrupt is null || !interrupt.TryClaim())
        {
            BlockStatus started = Submit(requests, mode);
            if (started == BlockStatus.Ok)
            {
                TryWait(wait, mode, timeout);
            }

            return started;
        }

        BlockStatus status = BlockStatus.NotRunning;
        try
        {
            status = Submit(requests, mode);
        }
        finally
        {
            WaitForClaimed(wait, lane, interrupt, status == BlockStatus.Ok ? LimitOf(timeout) : 0);
        }

        return status;
    }

    /// <summary>Blocks until a wait is over.</summary>
    /// <param name="wait">For a request that was submitted, or one of a batch.</param>
    /// <param name="mode">How.</param>
    /// <param name="timeout">For how long at most.</param>
    /// <returns>False where it is not over in time; some time before that is possible.</returns>
    public bool TryWait(DiskWait wait, WaitMode mode, TimeSpan timeout)
    {
        if (wait.IsOver)
        {
            return true;
        }

        // Right for whoever submitted what he waits for, and no harm to others: they are woken by who has it.
        Lane lane = _lanes[LaneOf(Environment.CurrentManagedThreadId)];
        if (mode == WaitMode.Polled)
        {
            return TryPoll(wait, lane, LimitOf(timeout));
        }

        ulong start = 0;
        if (mode == WaitMode.Hybrid)
        {
            start = Now;
            ulong usual = Volatile.Read(ref _usualAnswer);
            if (usual < LongestPoll && TryPoll(wait, lane, (2 * usual) + LeastPoll))
            {
                TakeNoteOfAnswer(Now - start);
                return true;
            }
        }

        MessageInterrupt? interrupt = Volatile.Read(ref lane.Interrupt);
        if (interrupt is not null && interrupt.TryClaim())
        {
            WaitForClaimed(wait, lane, interrupt, LimitOf(timeout));
        }
        else
        {
            wait.WaitSignalled(timeout);
        }

        if (mode == WaitMode.Hybrid)
        {
            TakeNoteOfAnswer(Now - start);
        }

        return wait.IsOver;
    }

    /// <summary>Looks at the clock for all requests.</summary>
    /// <returns>Whether the limit is over for one.</returns>
    public bool FindOverdue()
    {
        lock (_gate)
        {
            return _watch.FindOverdue();
        }
    }

    /// <summary>
    /// Ends the device's life because it is about to be taken out, or has been. What it had done is told; all
    /// other requests fail. A device that answers no more is waited for no longer than a reset may take.
    /// </summary>
    public void Remove()
    {
        using (Enter())
        {
            Volatile.Write(ref _isRemoved, true);
            if (!_isGone)
            {
                EndAll();
            }
        }
    }

    /// <summary>Stops the device, so that somebody else may drive it until <see cref="TryResume"/>.</summary>
    /// <param name="failure">Why not.</param>
    public bool TrySuspend([NotNullWhen(false)] out Failure? failure)
    {
        using Section section = Enter();
        bool isBusy = _isGone || Array.Exists(_lanes, lane => lane.IsBusy);
        failure = new Failure(isBusy ? "is in use" : "does not finish its reset");
        return !isBusy && Driver.Stop();
    }

    /// <summary>
    /// Brings the device up again after <see cref="TrySuspend"/>, unless it was removed meanwhile. One that does not
    /// come back is given up.
    /// </summary>
    /// <param name="failure">Why not.</param>
    public bool TryResume([NotNullWhen(false)] out Failure? failure)
    {
        using Section section = Enter();
        if (_isGone)
        {
            failure = new Failure(IsRemoved ? "was taken out of the machine" : "is out of use");
            return false;
        }

        bool isBack = Driver.TryStart(out failure);
        if (!isBack)
        {
            _recovery.GiveUp(failure!);
            Volatile.Write(ref _isGone, true);
        }

        LookAtQueues();
        return isBack;
    }

    /// <summary>Sets the cache mode (virtio 1.4, 5.2.5).</summary>
    public BlockStatus TrySetWriteback(bool isWriteback)
    {
        using Section section = Enter();
        return _isGone ? WhyGone : Driver.TrySetWriteback(isWriteback);
    }

    /// <summary>Looks for what the device has done, for the case that no interrupt tells of it.</summary>
    public void Poll()
    {
        OnConfigurationChange();

        // One may have been answered just now, and its interrupt be on its way: once is no sign.
        int count = 0;
        foreach (Lane lane in _lanes)
        {
            count += TakeAnswers(lane);
        }

        if (count != 0 && Interlocked.Increment(ref _answersWithoutInterrupt) == SilentAnswersForWarning)
        {
            Driver.Transport.Machine.Log.Warning(
                Driver.Name + ": no interrupt tells of its answers; they are looked for about once a second");
        }
    }

    /// <summary>
    /// Resets the device because the limit is over for one or more requests. Before it returns, those have ended, and
    /// the device does not touch their memory any more; the others go on.
    /// </summary>
    public void ResetOverdue()
    {
        using Section section = Enter();
        if (!_isGone && _requests.Exists(IsStuck))
        {
            Recover(isAtFault: false);
        }
    }

    /// <summary>
    /// Resets the device and hands what it had to it once more: nothing is lost, and what was done already is done
    /// again at worst.
    /// </summary>
    /// <returns>NotRunning where it does not come back.</returns>
    public BlockStatus Reset()
    {
        using Section section = Enter();
        if (!_isGone)
        {
            Restart(isAtFault: false, TryStartAgain);
        }

        return _isGone ? WhyGone : BlockStatus.Ok;
    }

    /// <summary>Has what is submitted to the calling thread's queue wait, until <see cref="ResetQueue"/>.</summary>
    /// <returns>For the queue to have nothing in flight.</returns>
    public DiskWait HoldQueue()
    {
        lock (_gate)
        {
            Lane lane = _lanes[LaneOf(Environment.CurrentManagedThreadId)];
            lane.Holders++;
            return lane;
        }
    }

    /// <summary>Resets a queue alone (virtio 1.4, 2.6.1) that was held until it had nothing in flight.</summary>
    /// <param name="held">What <see cref="HoldQueue"/> has returned.</param>
    /// <returns>NotOffered where the device resets no queues; NotRunning where the queue does not come back.</returns>
    public BlockStatus ResetQueue(DiskWait held)
    {
        using Section section = Enter();
        var lane = (Lane)held;
        lane.Holders--;
        BlockStatus status = _isGone ? WhyGone
            : lane.Queue.TryReset(PreferredQueueSize) ? BlockStatus.Ok
            : Driver.State == DeviceState.Running ? BlockStatus.NotOffered
            : BlockStatus.NotRunning;
        if (status == BlockStatus.Ok)
        {
            // There are some where another thread's hold has ended before.
            TakeAborted(lane);
            LookAtQueues();
            RepeatAll(isAtFault: false);
        }

        if (!_isGone)
        {
            Pump(lane);
        }

        return status;
    }

    /// <summary>Finds out what the device takes at a time.</summary>
    /// <returns>Whether that is a sector at least.</returns>
    private bool TryMeasure()
    {
        LookAtQueues();

        // Where a request holds a block, ranges are cut between blocks: QEMU fails requests for parts of them.
        uint block = Driver.BlockSize;
        uint preferred = block <= LargestBlock ? Math.Max(block, PreferredLength) : PreferredLength;
        ulong longest = Math.Min((ulong)MaximumSegments * Driver.MaximumSegmentLength, preferred);
        uint unit = longest < block ? Disk.SectorSize : block;
        RequestLength = (uint)(longest - (longest % unit));
        if (RequestLength == 0)
        {
            return false;
        }

        int segments = (int)((RequestLength - 1) / Driver.MaximumSegmentLength) + 1;
        FullRequests = Math.Max(LeastOfQueues(queue => queue.MaximumRequestsOf(segments)), 1);
        return true;
    }

    /// <summary>Takes note of what its queues are, after the device came up.</summary>
    private void LookAtQueues()
    {
        MaximumSegments = LeastOfQueues(queue => queue.MaximumSegments);
        for (int i = 0; i < MostQueues; i++)
        {
            MessageInterrupt? interrupt = i < Driver.QueueCount ? Driver.Transport.QueueInterrupt((ushort)i) : null;
            Volatile.Write(ref _lanes[i].Interrupt, interrupt);
            _lanes[i].IsQuiet = false;
        }
    }

    private int LeastOfQueues(Func<BlockQueue, int> measure)
    {
        int least = int.MaxValue;
        for (int i = 0; i < Driver.QueueCount; i++)
        {
            least = Math.Min(least, measure(Driver.Queue(i)));
        }

        return least;
    }

    private static bool IsStuck(DiskRequest? request) => request is { IsInFlight: true, IsOverdue: true };

    private Section Enter()
    {
        _gate.Enter();
        return new Section(this);
    }

    /// <summary>The time in nanoseconds.</summary>
    private ulong Now => Driver.Transport.Machine.Clock.Nanoseconds;

    /// <summary>Which queue a thread's requests go to.</summary>
    private int LaneOf(int submitter)
    {
        int count = Driver.QueueCount;
        return count == 1 ? 0 : (int)((uint)submitter % (uint)count);
    }

    private static ulong LimitOf(TimeSpan timeout) => (ulong)timeout.Ticks * TimeSpan.NanosecondsPerTick;

    /// <summary>Has a request wait for room, or for the device.</summary>
    private void Postpone(DiskRequest request) => _lanes[LaneOf(request.Submitter)].Backlog.Enqueue(request);

    /// <summary>Gives the device what waits for it, as far as there is room.</summary>
    private void Pump(Lane lane)
    {
        while (lane.Holders == 0
            && lane.Backlog.TryPeek(out DiskRequest? next) && TryHandOver(next, lane.Queue))
        {
            lane.Backlog.Dequeue();
        }

        Notify(lane.Queue);
    }

    private void Notify(BlockQueue queue)
    {
        ulong begun = Meter?.Begin() ?? 0;
        queue.Notify();
        Meter?.EndNotify(begun);
    }

    /// <summary>Looks for answers until a wait is over.</summary>
    /// <param name="wait">The wait.</param>
    /// <param name="lane">Where the answer comes.</param>
    /// <param name="limit">For how long at most, in nanoseconds.</param>
    private bool TryPoll(DiskWait wait, Lane lane, ulong limit)
    {
        ulong start = Now;
        lock (_gate)
        {
            lane.Pollers++;
            if (!lane.IsQuiet)
            {
                lane.IsQuiet = true;
                lane.Queue.DisableInterrupts();
            }
        }

        Volatile.Write(ref _answersWithoutInterrupt, 0);
        do
        {
            TakeAnswers(lane);
        }
        while (!wait.IsOver && Now - start < limit);

        bool isWaitedFor;
        lock (_gate)
        {
            isWaitedFor = --lane.Pollers == 0 && lane.IsBusy;
        }

        // Others' requests need the interrupts, with the look that belongs to asking for them. Where there are none,
        // whoever submits the next asks.
        if (isWaitedFor)
        {
            TakeAnswers(lane);
        }

        return wait.IsOver;
    }

    /// <summary>Waits for interrupts that the calling thread has claimed, and looks into the queue itself.</summary>
    private void WaitForClaimed(DiskWait wait, Lane lane, MessageInterrupt interrupt, ulong limit)
    {
        try
        {
            ulong start = Now;
            ulong passed = 0;
            while (!wait.IsOver && passed < limit
                && wait.WaitClaimed(interrupt, limit - passed) == ClaimedWait.Arrived)
            {
                Volatile.Write(ref _answersWithoutInterrupt, 0);
                TakeAnswers(lane);
                passed = Now - start;
            }
        }
        finally
        {
            if (interrupt.EndClaim())
            {
                TakeAnswers(lane);
            }
        }
    }

    // How long answers take lately. It is no harm if two threads do this at once and one is lost.
    private void TakeNoteOfAnswer(ulong nanoseconds)
    {
        ulong usual = Volatile.Read(ref _usualAnswer);
        Volatile.Write(ref _usualAnswer, usual - (usual / 8) + (Math.Min(nanoseconds, 8 * LongestPoll) / 8));
    }

    /// <summary>Gives the device the next piece of a request.</summary>
    /// <returns>
    /// False where it has to wait: for room, or for the device to be brought up again. True where the device has it,
    /// and where it has come to its end because it is nothing for this device.
    /// </returns>
    private bool TryHandOver(DiskRequest request, BlockQueue queue)
    {
        if (request.Operation == BlockOperation.Flush && !Driver.HasFlush)
        {
            request.Complete(VouchForWrites());
            return true;
        }

        BlockStatus status = request.HasRange ? SubmitRange(request, queue) : SubmitData(request, queue);
        if (status == BlockStatus.Ok)
        {
            return true;
        }

        bool canWait = status == BlockStatus.Full ? queue.InFlight != 0 : Driver.State == DeviceState.NeedsReset;
        if (!canWait)
        {
            request.Complete(status == BlockStatus.NotRunning ? WhyGone : status);
        }

        return !canWait;
    }

    private BlockStatus SubmitData(DiskRequest request, BlockQueue queue)
    {
        bool isReady = request.TryHandOver(Driver.MaximumSegmentLength, queue.MaximumSegments, Driver.BlockSize);
        ulong begun = Meter?.Begin() ?? 0;
        BlockStatus status = isReady
            ? queue.TrySubmit(request.Operation, request.FirstSector, request.Segments, request.Token)
            : BlockStatus.Invalid;
        Meter?.EndSubmit(begun);
        if (status != BlockStatus.Ok)
        {
            request.TakeBack();
        }

        return status;
    }

    private BlockStatus SubmitRange(DiskRequest request, BlockQueue queue)
    {
        BlockLimits limits = Driver.LimitsOf(request.Operation);
        if (limits.MaximumSectors == 0)
        {
            return Driver.State == DeviceState.Running ? BlockStatus.NotOffered : BlockStatus.NotRunning;
        }

        uint unit = Math.Max(limits.SectorAlignment, Driver.BlockSize / Disk.SectorSize);
        BlockRange range = request.CutRange(limits.MaximumSectors, unit);
        return queue.TrySubmitRanges(
            request.Operation, new ReadOnlySpan<BlockRange>(in range), request.RangeMemory, request.Token);
    }

    /// <summary>A flush where the device has none.</summary>
    /// <returns>
    /// Ok: without the feature every completed write is durable already (virtio 1.4, 5.2.5.1). But where the device had
    /// it in an earlier life, somebody has to hear once that nobody knows about the writes of that time.
    /// </returns>
    private BlockStatus VouchForWrites()
    {
        bool hasLostFlush = _hasLostFlush;
        _hasLostFlush = false;
        return hasLostFlush ? BlockStatus.Unsupported : BlockStatus.Ok;
    }

    private void OnUsedBuffers(ushort queueIndex)
    {
        Volatile.Write(ref _answersWithoutInterrupt, 0);
        TakeAnswers(_lanes[queueIndex]);
    }

    /// <summary>Takes back what the device has done, and gives it what waits, until there is no more for now.</summary>
    /// <returns>How much it had done.</returns>
    private int TakeAnswers(Lane lane)
    {
        BlockQueue queue = lane.Queue;
        Span<BlockCompletion> batch = _completions;
        int total = 0;
        bool hasMore = true;
        while (hasMore)
        {
            // Once for each batch, so that others get in between.
            using Section section = Enter();
            if (_isGone)
            {
                break;
            }

            ulong begun = Meter?.Begin() ?? 0;
            queue.HoldInterrupts();
            int count = queue.Drain(batch);
            Meter?.EndComplete(begun);
            End(batch[..count]);
            Pump(lane);
            lane.TellIfEmpty();
            begun = Meter?.Begin() ?? 0;
            hasMore = Driver.State == DeviceState.Running
                && (count == batch.Length || (lane.Pollers == 0 && EnableInterrupts(lane)));
            Meter?.EndComplete(begun);
            total += count;
        }

        return total;
    }

    private static bool EnableInterrupts(Lane lane)
    {
        lane.IsQuiet = false;
        return lane.Queue.EnableInterrupts();
    }

    private void OnConfigurationChange()
    {
        using Section section = Enter();
        Driver.ObserveChange();
    }

    private void End(ReadOnlySpan<BlockCompletion> completions)
    {
        foreach (BlockCompletion completion in completions)
        {
            DiskRequest request = _requests[completion.Token]!;
            request.TakeBack();
            if (completion.Status == BlockStatus.Ok && request.TryAdvance())
            {
                _watch.Restart(request);
                Postpone(request);
            }
            else
            {
                request.Complete(completion.Status);
            }
        }
    }

    /// <summary>
    /// Recovers a device that found itself, or was found, in trouble: until it runs, or is given up. What it is given
    /// at the end of a recovery may show the next trouble; the attempts are counted.
    /// </summary>
    private void RecoverIfBroken()
    {
        while (!_isGone && Driver.State == DeviceState.NeedsReset)
        {
            Recover(isAtFault: true);
        }
    }

    /// <summary>Recovers the device.</summary>
    /// <param name="isAtFault">Whether each request that it had may be what it stumbled over.</param>
    private void Recover(bool isAtFault) => Restart(isAtFault, _recovery.TryRestart);

    /// <summary>Brings a device up again that was reset because somebody asked for it.</summary>
    private bool TryStartAgain()
    {
        bool isBack = Driver.TryStart(out Failure? failure);
        if (!isBack)
        {
            _recovery.GiveUp(failure!);
        }

        return isBack;
    }

    /// <summary>Resets the device, brings it up again, and gives it what it had.</summary>
    /// <param name="isAtFault">Whether each request that it had may be what it stumbled over.</param>
    /// <param name="start">Brings it up again, or gives it up.</param>
    private void Restart(bool isAtFault, Func<bool> start)
    {
        // What is in the ring was done before the trouble; there is none where the ring itself is broken.
        foreach (Lane lane in _lanes)
        {
            EndAnswered(lane);
        }

        bool hadFlush = Driver.HasFlush;
        uint taken = TakenAtOnce;
        int requests = LeastOfQueues(queue => queue.MaximumRequests);
        Driver.Stop();
        foreach (Lane lane in _lanes)
        {
            TakeAborted(lane);
        }

        bool isBack = start();
        LookAtQueues();
        isBack = isBack && TakesASector();
        Volatile.Write(ref _isGone, !isBack);
        foreach (Lane lane in _lanes)
        {
            for (int waiting = lane.Backlog.Count; waiting > 0; waiting--)
            {
                // The device never had it, so it is not what the device stumbled over.
                Repeat(lane.Backlog.Dequeue(), isAtFault: false);
            }
        }

        RepeatAll(isAtFault);
        if (!isBack)
        {
            return;
        }

        _hasLostFlush |= hadFlush && !Driver.HasFlush;
        if (TakenAtOnce < taken || LeastOfQueues(queue => queue.MaximumRequests) < requests)
        {
            Driver.Transport.Machine.Log.Information(Driver.Name + ": takes less at a time than before");
        }

        foreach (Lane lane in _lanes)
        {
            Pump(lane);
            lane.TellIfEmpty();
        }
    }

    /// <summary>Ends what the device has answered, as far as the ring tells.</summary>
    private void EndAnswered(Lane lane)
    {
        Span<BlockCompletion> batch = _completions;
        int count;
        while ((count = lane.Queue.Drain(batch)) != 0)
        {
            End(batch[..count]);
        }
    }

    /// <summary>Decides about all that the device had when it was reset.</summary>
    private void RepeatAll(bool isAtFault)
    {
        while (_aborted.TryDequeue(out DiskRequest? aborted))
        {
            Repeat(aborted, isAtFault);
        }
    }

    /// <summary>How a request ends where the device does not come back.</summary>
    private BlockStatus WithoutDevice(DiskRequest request) =>
        request.IsOverdue && !IsRemoved ? BlockStatus.TimedOut : WhyGone;

    /// <summary>
    /// Takes back all that a device had which was stopped: what can be repeated, or, where it confirmed nothing, what
    /// has failed with it.
    /// </summary>
    private void TakeAborted(Lane lane)
    {
        Span<BlockCompletion> batch = _completions;
        int count;
        while ((count = lane.Queue.Drain(batch)) != 0)
        {
            TakeAborted(batch[..count]);
        }
    }

    private void TakeAborted(ReadOnlySpan<BlockCompletion> completions)
    {
        foreach (BlockCompletion completion in completions)
        {
            DiskRequest request = _requests[completion.Token]!;
            request.TakeBack();
            if (completion.Status == BlockStatus.Abandoned)
            {
                request.Quarantine();
                request.Complete(WithoutDevice(request));
            }
            else
            {
                _aborted.Enqueue(request);
            }
        }
    }

    /// <summary>Decides about a request that was with the device, or waited for it, when it was reset.</summary>
    private void Repeat(DiskRequest request, bool isAtFault)
    {
        if (_isGone || request.IsOverdue)
        {
            request.Complete(WithoutDevice(request));
        }
        else if (isAtFault && request.IsRepeated)
        {
            request.Complete(BlockStatus.Aborted);
        }
        else
        {
            request.IsRepeated |= isAtFault;
            _watch.Restart(request);
            Postpone(request);
        }
    }

    private bool TakesASector()
    {
        bool takes = TakenAtOnce >= Disk.SectorSize;
        if (!takes)
        {
            _recovery.GiveUp(new Failure("takes less than a sector at a time"));
        }

        return takes;
    }

    private void EndAll()
    {
        foreach (Lane lane in _lanes)
        {
            EndAnswered(lane);
        }

        Driver.Stop();
        Volatile.Write(ref _isGone, true);
        foreach (Lane lane in _lanes)
        {
            TakeAborted(lane);
            while (lane.Backlog.TryDequeue(out DiskRequest? waiting))
            {
                waiting.Complete(BlockStatus.Removed);
            }

            lane.TellIfEmpty();
        }

        while (_aborted.TryDequeue(out DiskRequest? aborted))
        {
            aborted.Complete(BlockStatus.Removed);
        }
    }

    /// <summary>A queue, and what has to do with it alone. It stays the same through all lives of the device.</summary>
    private sealed class Lane : DiskWait
    {
        /// <summary>Its interrupt where it has one to itself.</summary>
        public MessageInterrupt? Interrupt;

        /// <summary>Begins without any requests.</summary>
        public Lane(BlockQueue queue)
        {
            Queue = queue;
        }

        /// <summary>The queue.</summary>
        public BlockQueue Queue { get; }

        /// <summary>What waits for room in it, or for the device.</summary>
        public Queue<DiskRequest> Backlog { get; } = new();

        /// <summary>How many threads look into it all the time, so that nobody asks for its interrupt.</summary>
        public int Pollers { get; set; }

        /// <summary>Whether nobody has asked for its interrupt since somebody looked into it all the time.</summary>
        public bool IsQuiet { get; set; }

        /// <summary>How many threads have what is submitted wait, because they want it empty.</summary>
        public int Holders { get; set; }

        /// <summary>Whether it has nothing in flight.</summary>
        public override bool IsOver => Queue.InFlight == 0;

        /// <summary>Whether there is anything to be done for it.</summary>
        public bool IsBusy => Queue.InFlight != 0 || Backlog.Count != 0;

        /// <summary>Ends the wait of who holds it, where it has nothing in flight.</summary>
        public void TellIfEmpty()
        {
            if (Holders != 0 && IsOver)
            {
                Wake();
            }
        }
    }

    /// <summary>The time in which the lock is held.</summary>
    private readonly ref struct Section
    {
        private readonly DiskDevice _disk;

        /// <summary>Begins it; the lock is held.</summary>
        public Section(DiskDevice disk)
        {
            _disk = disk;
        }

        /// <summary>Looks after the device and lets go of the lock.</summary>
        public void Dispose()
        {
            try
            {
                _disk.RecoverIfBroken();
            }
            finally
            {
                _disk._gate.Exit();
            }
        }
    }
}
