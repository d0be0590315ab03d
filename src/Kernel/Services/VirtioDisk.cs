using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services;

/// <summary>A virtio block device as a disk.</summary>
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
internal sealed class VirtioDisk : Disk
{
    private const int PreferredTransfers = 16;
    private const uint PreferredTransferLength = 128 * 1024;
    private const uint LargestBlock = 2 * 1024 * 1024;
    private const uint BufferAlignment = 4096;
    private const int FixedDescriptors = 2;
    private const int Batch = 32;
    private const int SilentAnswersForWarning = 3;

    private readonly Lock _gate = new();
    private readonly VirtioBlock _device;
    private readonly DeviceRecovery _recovery;
    private readonly uint _transferLength;
    private readonly VirtioDiskTransfer[] _transfers;
    private readonly VirtioDiskTransfer[] _aborted;
    private readonly Queue<VirtioDiskTransfer> _backlog;
    private int _transferCount;
    private int _answersWithoutInterrupt;
    private bool _hasLostFlush;
    private bool _isGone;
    private bool _isRemoved;

    private VirtioDisk(VirtioBlock device, uint transferLength, int maximumTransfers, RequestWatch watch)
        : base(device.Name, maximumTransfers, watch)
    {
        _device = device;
        _recovery = new DeviceRecovery(device);
        _transferLength = transferLength;
        _transfers = new VirtioDiskTransfer[maximumTransfers];
        _aborted = new VirtioDiskTransfer[maximumTransfers];
        _backlog = new Queue<VirtioDiskTransfer>(maximumTransfers);
    }

    /// <summary>The device.</summary>
    public VirtioDevice Device => _device;

    /// <inheritdoc/>
    public override ulong SectorCount => _device.Capacity;

    /// <inheritdoc/>
    public override uint BlockSize => _device.BlockSize;

    /// <inheritdoc/>
    public override bool IsReadOnly => _device.IsReadOnly;

    /// <inheritdoc/>
    public override bool IsUsable => !Volatile.Read(ref _isGone);

    /// <inheritdoc/>
    public override bool IsRemoved => Volatile.Read(ref _isRemoved);

    /// <inheritdoc/>
    protected override DiskStatus WhyUnusable => IsRemoved ? DiskStatus.Removed : DiskStatus.DeviceBroken;

    /// <summary>How many bytes the device takes at once, as far as transfers have them.</summary>
    private uint TakenAtOnce =>
        (uint)Math.Min((ulong)_device.MaximumSegments * _device.MaximumSegmentLength, _transferLength);

    /// <summary>The same, with no limit on how long a transfer may take.</summary>
    public static VirtioDisk? TryCreate(VirtioTransport transport, string name, out Failure? failure) =>
        TryCreate(transport, name, TimeSpan.Zero, out failure);

    /// <summary>Brings a device up as a disk.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="limit">How long it may take for a transfer; zero for as long as it likes.</param>
    /// <param name="failure">Why it cannot be.</param>
    public static VirtioDisk? TryCreate(
        VirtioTransport transport, string name, TimeSpan limit, out Failure? failure)
    {
        var events = new OwnerEvents();
        var device = new VirtioBlock(transport, name, events);
        if (!device.TryStart(out failure))
        {
            return null;
        }

        uint preferred = device.BlockSize <= LargestBlock
            ? Math.Max(device.BlockSize, PreferredTransferLength)
            : PreferredTransferLength;
        ulong longest = Math.Min((ulong)device.MaximumSegments * device.MaximumSegmentLength, preferred);

        // Where a transfer holds a block, ranges are cut between blocks: QEMU fails requests for parts of them.
        uint unit = longest < device.BlockSize ? SectorSize : device.BlockSize;
        var transferLength = (uint)(longest - (longest % unit));
        if (transferLength == 0)
        {
            device.Stop();
            failure = new Failure("takes less than a sector at a time");
            return null;
        }

        // The driver has half as many requests as its queue has descriptors; a transfer of many segments takes more.
        ulong segments = ((transferLength - 1) / device.MaximumSegmentLength) + 1;
        ulong fitting = (ulong)device.MaximumRequests * FixedDescriptors / (segments + FixedDescriptors);
        var maximumTransfers = (int)Math.Clamp(fitting, 1, PreferredTransfers);
        var watch = new RequestWatch(name, transport.Machine.Clock, transport.Machine.Log, limit);
        var disk = new VirtioDisk(device, transferLength, maximumTransfers, watch);
        events.Attach(_ => disk.OnUsedBuffers(), disk.OnConfigurationChange);

        // What changed before the disk was there to be told.
        disk.OnConfigurationChange();
        return disk;
    }

    /// <summary>
    /// Ends the disk's life because its device is about to be taken out, or has been. What it had done is told; all
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

        Retire();
    }

    /// <summary>Stops the device, so that somebody else may drive it until <see cref="TryResume"/>.</summary>
    /// <param name="failure">Why not.</param>
    public bool TrySuspend([NotNullWhen(false)] out Failure? failure)
    {
        using Section section = Enter();
        bool isBusy = _isGone || _device.InFlight != 0 || _backlog.Count != 0;
        failure = new Failure(isBusy ? "is in use" : "does not finish its reset");
        return !isBusy && _device.Stop();
    }

    /// <summary>Brings the device up again after <see cref="TrySuspend"/>, unless it was removed meanwhile.</summary>
    /// <param name="failure">Why not.</param>
    public bool TryResume([NotNullWhen(false)] out Failure? failure)
    {
        using Section section = Enter();
        failure = new Failure("was taken out of the machine");
        return !_isGone && _device.TryStart(out failure);
    }

    /// <inheritdoc/>
    protected override DiskTransfer? CreateTransfer()
    {
        DmaMemory? memory = _device.Dma.Allocate(_transferLength, BufferAlignment);
        if (memory is null)
        {
            return null;
        }

        var transfer = new VirtioDiskTransfer(_transferCount, memory);
        _transfers[_transferCount++] = transfer;
        return transfer;
    }

    /// <inheritdoc/>
    protected override DiskStatus Submit(DiskTransfer transfer, BlockOperation operation, ulong firstSector, int count)
    {
        var own = (VirtioDiskTransfer)transfer;
        own.Prepare(operation, firstSector, (uint)count * SectorSize);
        using Section section = Enter();
        if (_isGone)
        {
            return WhyUnusable;
        }

        Begin(own);
        _backlog.Enqueue(own);
        Pump();
        return DiskStatus.Ok;
    }

    /// <inheritdoc/>
    protected override void Poll()
    {
        OnConfigurationChange();

        // One may have been answered just now, and its interrupt be on its way: once is no sign.
        if (TakeAnswers() != 0 && Interlocked.Increment(ref _answersWithoutInterrupt) == SilentAnswersForWarning)
        {
            _device.Transport.Machine.Log.Warning(
                Name + ": no interrupt tells of its answers; they are looked for about once a second");
        }
    }

    /// <inheritdoc/>
    protected override void ResetOverdue()
    {
        using Section section = Enter();
        if (!_isGone && Array.Exists(_transfers, IsStuck))
        {
            Recover(isAtFault: false);
        }
    }

    private static bool IsStuck(VirtioDiskTransfer? transfer) => transfer is { IsInFlight: true, IsOverdue: true };

    private DiskStatus StatusOf(SubmitStatus status) => status switch
    {
        SubmitStatus.OutOfRange => DiskStatus.OutOfRange,
        SubmitStatus.ReadOnly => DiskStatus.ReadOnly,
        SubmitStatus.Full => DiskStatus.NoResources,
        SubmitStatus.NotRunning => WhyUnusable,
        _ => DiskStatus.Unsupported,
    };

    private static DiskStatus StatusOf(BlockStatus status) => status switch
    {
        BlockStatus.Ok => DiskStatus.Ok,
        BlockStatus.Unsupported => DiskStatus.Unsupported,
        _ => DiskStatus.DeviceError,
    };

    private Section Enter()
    {
        _gate.Enter();
        return new Section(this);
    }

    /// <summary>Gives the device what waits for it, as far as there is room.</summary>
    private void Pump()
    {
        while (_backlog.TryPeek(out VirtioDiskTransfer? next) && TryHandOver(next))
        {
            _backlog.Dequeue();
        }

        _device.Notify();
    }

    /// <summary>Gives the device the next piece of a transfer.</summary>
    /// <returns>
    /// False where it has to wait: for room, or for the device to be brought up again. True where the device has it,
    /// and where it has come to its end because it is nothing for this device.
    /// </returns>
    private bool TryHandOver(VirtioDiskTransfer transfer)
    {
        if (transfer.Operation == BlockOperation.Flush && !_device.HasFlush)
        {
            transfer.Complete(VouchForWrites());
            return true;
        }

        transfer.HandOver(_device.MaximumSegmentLength, _device.MaximumSegments, _device.BlockSize);
        SubmitStatus status = _device.TrySubmit(
            transfer.Operation, transfer.FirstSector, transfer.Segments, transfer.Token);
        if (status == SubmitStatus.Ok)
        {
            return true;
        }

        transfer.TakeBack();
        bool canWait = status == SubmitStatus.Full ? _device.InFlight != 0 : _device.State == DeviceState.NeedsReset;
        if (!canWait)
        {
            transfer.Complete(StatusOf(status));
        }

        return !canWait;
    }

    /// <summary>A flush where the device has none.</summary>
    /// <returns>
    /// Ok: without the feature every completed write is durable already (virtio 1.4, 5.2.5.1). But where the device had
    /// it in an earlier life, somebody has to hear once that nobody knows about the writes of that time.
    /// </returns>
    private DiskStatus VouchForWrites()
    {
        bool hasLostFlush = _hasLostFlush;
        _hasLostFlush = false;
        return hasLostFlush ? DiskStatus.Unsupported : DiskStatus.Ok;
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

            _device.HoldInterrupts();
            int count = _device.Drain(batch);
            End(batch[..count]);
            Pump();
            hasMore = _device.State == DeviceState.Running && (count == batch.Length || _device.EnableInterrupts());
            total += count;
        }

        return total;
    }

    private void OnConfigurationChange()
    {
        using Section section = Enter();
        _device.ObserveChange();
    }

    private void End(ReadOnlySpan<BlockCompletion> completions)
    {
        foreach (BlockCompletion completion in completions)
        {
            VirtioDiskTransfer transfer = _transfers[completion.Token];
            transfer.TakeBack();
            if (completion.Status == BlockStatus.Ok && transfer.TryAdvance())
            {
                Restart(transfer);
                _backlog.Enqueue(transfer);
            }
            else
            {
                transfer.Complete(StatusOf(completion.Status));
            }
        }
    }

    /// <summary>
    /// Recovers a device that found itself, or was found, in trouble: until it runs, or is given up. What it is given
    /// at the end of a recovery may show the next trouble; the attempts are counted.
    /// </summary>
    private void RecoverIfBroken()
    {
        while (!_isGone && _device.State == DeviceState.NeedsReset)
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
        while ((count = _device.Drain(batch)) != 0)
        {
            End(batch[..count]);
        }

        bool hadFlush = _device.HasFlush;
        uint taken = TakenAtOnce;
        int requests = _device.MaximumRequests;
        _device.Stop();
        int aborted = TakeAborted(batch);
        bool isBack = _recovery.TryRestart() && TakesASector();
        Volatile.Write(ref _isGone, !isBack);
        for (int waiting = _backlog.Count; waiting > 0; waiting--)
        {
            // The device never had it, so it is not what the device stumbled over.
            Repeat(_backlog.Dequeue(), isAtFault: false);
        }

        for (int i = 0; i < aborted; i++)
        {
            Repeat(_aborted[i], isAtFault);
        }

        if (!isBack)
        {
            return;
        }

        _hasLostFlush |= hadFlush && !_device.HasFlush;
        if (TakenAtOnce < taken || _device.MaximumRequests < requests)
        {
            _device.Transport.Machine.Log.Information(Name + ": takes less at a time than before");
        }

        Pump();
    }

    /// <summary>How a transfer ends where the device does not come back.</summary>
    private DiskStatus WithoutDevice(VirtioDiskTransfer transfer) =>
        transfer.IsOverdue && !IsRemoved ? DiskStatus.TimedOut : WhyUnusable;

    /// <summary>Takes back all that a device had which was stopped.</summary>
    /// <returns>How many transfers can be repeated; those of a device that confirmed nothing have failed.</returns>
    private int TakeAborted(Span<BlockCompletion> batch)
    {
        int aborted = 0;
        int count;
        while ((count = _device.Drain(batch)) != 0)
        {
            foreach (BlockCompletion completion in batch[..count])
            {
                VirtioDiskTransfer transfer = _transfers[completion.Token];
                transfer.TakeBack();
                if (completion.Status == BlockStatus.Abandoned)
                {
                    transfer.Quarantine();
                    transfer.Complete(WithoutDevice(transfer));
                }
                else
                {
                    _aborted[aborted++] = transfer;
                }
            }
        }

        return aborted;
    }

    /// <summary>Decides about a transfer that was with the device, or waited for it, when it was reset.</summary>
    private void Repeat(VirtioDiskTransfer transfer, bool isAtFault)
    {
        if (_isGone || transfer.IsOverdue)
        {
            transfer.Complete(WithoutDevice(transfer));
        }
        else if (isAtFault && transfer.IsRepeated)
        {
            transfer.Complete(DiskStatus.DeviceReset);
        }
        else
        {
            transfer.IsRepeated |= isAtFault;
            Restart(transfer);
            _backlog.Enqueue(transfer);
        }
    }

    private bool TakesASector()
    {
        bool takes = TakenAtOnce >= SectorSize;
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
        while ((count = _device.Drain(batch)) != 0)
        {
            End(batch[..count]);
        }

        _device.Stop();
        Volatile.Write(ref _isGone, true);
        int aborted = TakeAborted(batch);
        while (_backlog.TryDequeue(out VirtioDiskTransfer? waiting))
        {
            waiting.Complete(DiskStatus.Removed);
        }

        for (int i = 0; i < aborted; i++)
        {
            _aborted[i].Complete(DiskStatus.Removed);
        }
    }

    /// <summary>The time in which the lock is held.</summary>
    private readonly ref struct Section
    {
        private readonly VirtioDisk _disk;

        /// <summary>Begins it; the lock is held.</summary>
        public Section(VirtioDisk disk)
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
