using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio;
using VirtioGuest.Drivers.Virtio.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services;

/// <summary>A virtio block device as a disk.</summary>
/// <remarks>
/// <para>
/// One lock keeps the device's one queue to one context at a time: submitters and the driver thread. Completions are
/// collected under it and told outside of it.
/// </para>
/// <para>
/// A device that asks for a reset or breaks the rules is reset and brought up again by whoever notices. Once it has
/// confirmed the reset, what it had is handed to it once more, and fails with a status where that comes to nothing
/// either. Doing it twice does no harm: whoever wants an order among requests waits for the first before he sends the
/// second, and reading, writing or flushing the same again changes nothing. After a reset that was not confirmed
/// nothing is repeated: the buffers are quarantined and the disk is out of use. What a device did not answer in time
/// is not repeated either.
/// </para>
/// </remarks>
internal sealed partial class VirtioDisk : Disk
{
    private const int PreferredTransfers = 16;
    private const uint PreferredTransferLength = 128 * 1024;
    private const uint LargestBlock = 2 * 1024 * 1024;
    private const uint BufferAlignment = 4096;
    private const int FixedDescriptors = 2;
    private const int Batch = 32;

    private readonly Lock _gate = new();
    private readonly VirtioBlock _device;
    private readonly DeviceRecovery _recovery;
    private readonly uint _transferLength;
    private readonly uint _segmentLength;
    private readonly VirtioDiskTransfer[] _transfers;
    private readonly VirtioDiskTransfer[] _aborted;
    private int _transferCount;
    private bool _isGone;

    private VirtioDisk(VirtioBlock device, uint transferLength, int maximumTransfers, TimeSpan timeout)
        : base(device.Name, maximumTransfers, timeout)
    {
        _device = device;
        _recovery = new DeviceRecovery(device);
        _transferLength = transferLength;
        _segmentLength = device.MaximumSegmentLength;
        _transfers = new VirtioDiskTransfer[maximumTransfers];
        _aborted = new VirtioDiskTransfer[maximumTransfers];
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

    /// <summary>Brings a device up as a disk.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="failure">Why it cannot be, as the end of a sentence that starts with the device.</param>
    public static VirtioDisk? TryCreate(VirtioTransport transport, string name, out string failure) =>
        TryCreate(transport, name, DefaultTimeout, out failure);

    /// <summary>Brings a device up as a disk.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="timeout">How long it may take for a transfer.</param>
    /// <param name="failure">Why it cannot be, as the end of a sentence that starts with the device.</param>
    public static VirtioDisk? TryCreate(
        VirtioTransport transport, string name, TimeSpan timeout, out string failure)
    {
        var events = new Events();
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
            failure = "takes less than a sector at a time";
            return null;
        }

        // The driver has half as many requests as its queue has descriptors; a transfer of many segments takes more.
        ulong segments = ((transferLength - 1) / device.MaximumSegmentLength) + 1;
        ulong fitting = (ulong)device.MaximumRequests * FixedDescriptors / (segments + FixedDescriptors);
        var maximumTransfers = (int)Math.Clamp(fitting, 1, PreferredTransfers);
        var disk = new VirtioDisk(device, transferLength, maximumTransfers, timeout);
        events.Attach(disk);

        // What changed before the disk was there to be told.
        disk.OnConfigurationChange();
        return disk;
    }

    /// <inheritdoc/>
    protected override DiskTransfer? CreateTransfer()
    {
        DmaMemory? memory = _device.Dma.Allocate(_transferLength, BufferAlignment);
        if (memory is null)
        {
            return null;
        }

        var transfer = new VirtioDiskTransfer(_transferCount, memory, _segmentLength);
        _transfers[_transferCount++] = transfer;
        return transfer;
    }

    /// <inheritdoc/>
    protected override DiskStatus Submit(DiskTransfer transfer, DiskOperation operation, ulong firstSector, int count)
    {
        var own = (VirtioDiskTransfer)transfer;
        if (operation == DiskOperation.Flush && !_device.HasFlush)
        {
            // Without the feature every completed write is durable already (virtio 1.4, 5.2.5.1).
            own.Begin();
            own.Complete(DiskStatus.Ok);
            return DiskStatus.Ok;
        }

        BlockOperation request = operation switch
        {
            DiskOperation.Read => BlockOperation.Read,
            DiskOperation.Write => BlockOperation.Write,
            _ => BlockOperation.Flush,
        };
        own.HandOver(request, firstSector, (uint)count * SectorSize);
        SubmitStatus status;
        lock (_gate)
        {
            status = Submit(own);
            if (status == SubmitStatus.NotRunning && RecoverIfBroken())
            {
                status = Submit(own);
            }

            if (status == SubmitStatus.Ok)
            {
                own.Begin();
                _device.Notify();
                return DiskStatus.Ok;
            }
        }

        own.TakeBack();
        return StatusOf(status);
    }

    /// <inheritdoc/>
    protected override void ResetDevice(DiskTransfer overdue)
    {
        lock (_gate)
        {
            if (!_isGone && overdue.IsInFlight)
            {
                Recover(DiskStatus.TimedOut);
            }
        }
    }

    private DiskStatus StatusOf(SubmitStatus status) => status switch
    {
        SubmitStatus.OutOfRange => DiskStatus.OutOfRange,
        SubmitStatus.ReadOnly => DiskStatus.ReadOnly,
        SubmitStatus.Full => DiskStatus.NoResources,
        SubmitStatus.NotOffered => DiskStatus.Unsupported,
        SubmitStatus.NotRunning => WhyUnusable,
        _ => throw new InvalidOperationException("the driver calls a request invalid"),
    };

    private SubmitStatus Submit(VirtioDiskTransfer transfer) =>
        _device.TrySubmit(transfer.Operation, transfer.FirstSector, transfer.Segments, transfer.Token);

    private void OnUsedBuffers()
    {
        Span<BlockCompletion> batch = stackalloc BlockCompletion[Batch];
        bool hasMore = true;
        while (hasMore)
        {
            int count;
            lock (_gate)
            {
                if (_isGone)
                {
                    return;
                }

                _device.HoldInterrupts();
                count = _device.Drain(batch);
                hasMore = _device.State == DeviceState.Running
                    && (count == batch.Length || _device.EnableInterrupts());
                RecoverIfBroken();
            }

            Complete(batch[..count]);
        }
    }

    private void OnConfigurationChange()
    {
        lock (_gate)
        {
            _device.ObserveChange();
            RecoverIfBroken();
        }
    }

    private void Complete(ReadOnlySpan<BlockCompletion> completions)
    {
        foreach (BlockCompletion completion in completions)
        {
            VirtioDiskTransfer transfer = _transfers[completion.Token];
            transfer.TakeBack();
            transfer.Complete(completion.Status switch
            {
                BlockStatus.Ok => DiskStatus.Ok,
                BlockStatus.Unsupported => DiskStatus.Unsupported,
                _ => DiskStatus.DeviceError,
            });
        }
    }

    /// <summary>
    /// Leads interrupts to the disk, which is created after the device that wants to know whom they reach.
    /// </summary>
    private sealed class Events : DeviceEventSink
    {
        private VirtioDisk? _disk;

        /// <summary>Names the disk.</summary>
        public void Attach(VirtioDisk disk) => Volatile.Write(ref _disk, disk);

        /// <inheritdoc/>
        public override void OnUsedBuffers(ushort queueIndex) => Volatile.Read(ref _disk)?.OnUsedBuffers();

        /// <inheritdoc/>
        public override void OnConfigurationChange() => Volatile.Read(ref _disk)?.OnConfigurationChange();
    }
}
