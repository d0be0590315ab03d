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
/// One lock keeps the device's one queue to one context at a time: submitters and the driver thread. It has one way
/// out (<see cref="Section"/>): whoever leaves it brings a device up again that was found in trouble meanwhile, so that
/// nobody ever finds one which nobody looks after.
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

    private readonly Lock _gate = new();
    private readonly BlockQueue _queue;
    private readonly DeviceRecovery _recovery;
    private readonly RequestWatch _watch;
    private readonly List<DiskRequest> _requests = [];
    private readonly Queue<DiskRequest> _backlog = new();
    private readonly Queue<DiskRequest> _aborted = new();
    private int _answersWithoutInterrupt;
    private bool _hasLostFlush;
    private bool _isGone;
    private bool _isRemoved;

    private DiskDevice(VirtioBlock driver, RequestWatch watch)
    {
        Driver = driver;
        _queue = driver.Queue(0);
        _watch = watch;
        _recovery = new DeviceRecovery(driver);
    }

    /// <summary>The driver. Only what never changes is read without the lock.</summary>
    public VirtioBlock Driver { get; }

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

    /// <summary>How many such requests its queue has room for, at least 1.</summary>
    public int FullRequests { get; private set; }

    /// <summary>How many bytes of such a request the device takes at once.</summary>
    private uint TakenAtOnce =>
        (uint)Math.Min((ulong)_queue.MaximumSegments * Driver.MaximumSegmentLength, RequestLength);

    /// <summary>Brings a device up.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="watch">Who counts how long its requests take.</param>
    /// <param name="failure">Why it cannot be.</param>
    public static DiskDevice? TryStart(
        VirtioTransport transport, string name, RequestWatch watch, out Failure? failure)
    {
        var events = new OwnerEvents();
        var driver = new VirtioBlock(transport, name, events);
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

        events.Attach(_ => device.OnUsedBuffers(), device.OnConfigurationChange);

        // What changed before the disk was there to be told.
        device.OnConfigurationChange();
        return device;
    }

    /// <summary>Takes a request into the device's keeping, before it is submitted for the first time.</summary>
    public void Add(DiskRequest request)
    {
        lock (_gate)
        {
            request.Token = _requests.Count;
            _requests.Add(request);
        }
    }

    /// <summary>Hands a request to the device; it may have ended at once.</summary>
    /// <returns>Ok where it has to be waited for; else why the device takes none.</returns>
    public BlockStatus Submit(DiskRequest request)
    {
        using Section section = Enter();
        if (_isGone)
        {
            return WhyGone;
        }

        _watch.Begin(request);
        if (_backlog.Count != 0 || !TryHandOver(request))
        {
            _backlog.Enqueue(request);
        }

        _queue.Notify();
        return BlockStatus.Ok;
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
        bool isBusy = _isGone || _queue.InFlight != 0 || _backlog.Count != 0;
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
        if (TakeAnswers() != 0 && Interlocked.Increment(ref _answersWithoutInterrupt) == SilentAnswersForWarning)
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

    /// <summary>Finds out what the device takes at a time.</summary>
    /// <returns>Whether that is a sector at least.</returns>
    private bool TryMeasure()
    {
        // Where a request holds a block, ranges are cut between blocks: QEMU fails requests for parts of them.
        uint block = Driver.BlockSize;
        uint preferred = block <= LargestBlock ? Math.Max(block, PreferredLength) : PreferredLength;
        ulong longest = Math.Min((ulong)_queue.MaximumSegments * Driver.MaximumSegmentLength, preferred);
        uint unit = longest < block ? Disk.SectorSize : block;
        RequestLength = (uint)(longest - (longest % unit));
        if (RequestLength == 0)
        {
            return false;
        }

        int segments = (int)((RequestLength - 1) / Driver.MaximumSegmentLength) + 1;
        FullRequests = Math.Max(_queue.MaximumRequestsOf(segments), 1);
        return true;
    }

    private static bool IsStuck(DiskRequest request) => request.IsInFlight && request.IsOverdue;

    private Section Enter()
    {
        _gate.Enter();
        return new Section(this);
    }

    /// <summary>Gives the device what waits for it, as far as there is room.</summary>
    private void Pump()
    {
        while (_backlog.TryPeek(out DiskRequest? next) && TryHandOver(next))
        {
            _backlog.Dequeue();
        }

        _queue.Notify();
    }

    /// <summary>Gives the device the next piece of a request.</summary>
    /// <returns>
    /// False where it has to wait: for room, or for the device to be brought up again. True where the device has it,
    /// and where it has come to its end because it is nothing for this device.
    /// </returns>
    private bool TryHandOver(DiskRequest request)
    {
        if (request.Operation == BlockOperation.Flush && !Driver.HasFlush)
        {
            request.Complete(VouchForWrites());
            return true;
        }

        BlockStatus status = request.HasRange ? SubmitRange(request) : SubmitData(request);
        if (status == BlockStatus.Ok)
        {
            return true;
        }

        bool canWait = status == BlockStatus.Full ? _queue.InFlight != 0 : Driver.State == DeviceState.NeedsReset;
        if (!canWait)
        {
            request.Complete(status == BlockStatus.NotRunning ? WhyGone : status);
        }

        return !canWait;
    }

    private BlockStatus SubmitData(DiskRequest request)
    {
        bool isTaken = request.TryHandOver(Driver.MaximumSegmentLength, _queue.MaximumSegments, Driver.BlockSize);
        BlockStatus status = isTaken
            ? _queue.TrySubmit(request.Operation, request.FirstSector, request.Segments, request.Token)
            : BlockStatus.Invalid;
        if (status != BlockStatus.Ok)
        {
            request.TakeBack();
        }

        return status;
    }

    private BlockStatus SubmitRange(DiskRequest request)
    {
        BlockLimits limits = Driver.LimitsOf(request.Operation);
        if (limits.MaximumSectors == 0)
        {
            return Driver.State == DeviceState.Running ? BlockStatus.NotOffered : BlockStatus.NotRunning;
        }

        uint unit = Math.Max(limits.SectorAlignment, Driver.BlockSize / Disk.SectorSize);
        BlockRange range = request.CutRange(limits.MaximumSectors, unit);
        return _queue.TrySubmitRanges(
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

    private void OnUsedBuffers()
    {
        Volatile.Write(ref _answersWithoutInterrupt, 0);
        TakeAnswers();
    }

    /// <summary>Takes back what the device has done, and gives it what waits, until there is no more for now.</summary>
    /// <returns>How much it had done.</returns>
    private int TakeAnswers()
    {
        Span<BlockCompletion> batch = stackalloc BlockCompletion[Batch];
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

            _queue.HoldInterrupts();
            int count = _queue.Drain(batch);
            End(batch[..count]);
            Pump();
            hasMore = Driver.State == DeviceState.Running && (count == batch.Length || _queue.EnableInterrupts());
            total += count;
        }

        return total;
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
            DiskRequest request = _requests[completion.Token];
            request.TakeBack();
            if (completion.Status == BlockStatus.Ok && request.TryAdvance())
            {
                _watch.Restart(request);
                _backlog.Enqueue(request);
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

    /// <summary>Resets the device, brings it up again, and gives it what it had.</summary>
    /// <param name="isAtFault">Whether each request that it had may be what it stumbled over.</param>
    private void Recover(bool isAtFault)
    {
        // What is in the ring was done before the trouble; there is none where the ring itself is broken.
        Span<BlockCompletion> batch = stackalloc BlockCompletion[Batch];
        int count;
        while ((count = _queue.Drain(batch)) != 0)
        {
            End(batch[..count]);
        }

        bool hadFlush = Driver.HasFlush;
        uint taken = TakenAtOnce;
        int requests = _queue.MaximumRequests;
        Driver.Stop();
        TakeAborted(batch);
        bool isBack = _recovery.TryRestart() && TakesASector();
        Volatile.Write(ref _isGone, !isBack);
        for (int waiting = _backlog.Count; waiting > 0; waiting--)
        {
            // The device never had it, so it is not what the device stumbled over.
            Repeat(_backlog.Dequeue(), isAtFault: false);
        }

        while (_aborted.TryDequeue(out DiskRequest? aborted))
        {
            Repeat(aborted, isAtFault);
        }

        if (!isBack)
        {
            return;
        }

        _hasLostFlush |= hadFlush && !Driver.HasFlush;
        if (TakenAtOnce < taken || _queue.MaximumRequests < requests)
        {
            Driver.Transport.Machine.Log.Information(Driver.Name + ": takes less at a time than before");
        }

        Pump();
    }

    /// <summary>How a request ends where the device does not come back.</summary>
    private BlockStatus WithoutDevice(DiskRequest request) =>
        request.IsOverdue && !IsRemoved ? BlockStatus.TimedOut : WhyGone;

    /// <summary>
    /// Takes back all that a device had which was stopped: what can be repeated, or, where it confirmed nothing, what
    /// has failed with it.
    /// </summary>
    private void TakeAborted(Span<BlockCompletion> batch)
    {
        int count;
        while ((count = _queue.Drain(batch)) != 0)
        {
            foreach (BlockCompletion completion in batch[..count])
            {
                DiskRequest request = _requests[completion.Token];
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
            _backlog.Enqueue(request);
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
        Span<BlockCompletion> batch = stackalloc BlockCompletion[Batch];
        int count;
        while ((count = _queue.Drain(batch)) != 0)
        {
            End(batch[..count]);
        }

        Driver.Stop();
        Volatile.Write(ref _isGone, true);
        TakeAborted(batch);
        while (_backlog.TryDequeue(out DiskRequest? waiting))
        {
            waiting.Complete(BlockStatus.Removed);
        }

        while (_aborted.TryDequeue(out DiskRequest? aborted))
        {
            aborted.Complete(BlockStatus.Removed);
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
