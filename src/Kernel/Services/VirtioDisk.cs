using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio;
using VirtioGuest.Drivers.Virtio.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services;

/// <summary>A virtio block device as a disk.</summary>
/// <remarks>
/// One lock keeps the device's one queue to one context at a time: submitters and the driver thread. Completions are
/// collected under it and told outside of it.
/// </remarks>
internal sealed class VirtioDisk : Disk
{
    private const int PreferredTransfers = 16;
    private const uint PreferredTransferLength = 128 * 1024;
    private const uint BufferAlignment = 4096;
    private const int FixedDescriptors = 2;
    private const int Batch = 32;

    private readonly Lock _gate = new();
    private readonly VirtioBlock _device;
    private readonly DmaTag _dma;
    private readonly uint _transferLength;
    private readonly VirtioDiskTransfer[] _transfers;
    private int _transferCount;
    private bool _isGone;
    private DiskStatus _goneStatus = DiskStatus.DeviceBroken;

    private VirtioDisk(VirtioBlock device, DmaTag dma, uint transferLength, int maximumTransfers)
        : base(device.Name, maximumTransfers, DefaultTimeout)
    {
        _device = device;
        _dma = dma;
        _transferLength = transferLength;
        _transfers = new VirtioDiskTransfer[maximumTransfers];
    }

    /// <summary>The device.</summary>
    public VirtioDevice Device => _device;

    /// <inheritdoc/>
    public override ulong SectorCount => _device.Capacity;

    /// <inheritdoc/>
    public override bool IsReadOnly => _device.IsReadOnly;

    /// <inheritdoc/>
    public override bool IsUsable => !Volatile.Read(ref _isGone);

    /// <summary>Brings a device up as a disk.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="failure">Why it cannot be, as the end of a sentence that starts with the device.</param>
    public static VirtioDisk? TryCreate(VirtioTransport transport, string name, out string failure)
    {
        var events = new Events();
        var device = new VirtioBlock(transport, name, events);
        if (!device.TryStart(out failure))
        {
            return null;
        }

        ulong longest = Math.Min(
            (ulong)device.MaximumSegments * device.MaximumSegmentLength, PreferredTransferLength);
        var transferLength = (uint)(longest - (longest % SectorSize));
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
        var disk = new VirtioDisk(device, transport.Machine.Dma, transferLength, maximumTransfers);
        events.Attach(disk);
        return disk;
    }

    /// <inheritdoc/>
    protected override DiskTransfer? CreateTransfer()
    {
        DmaMemory? memory = _dma.Allocate(_transferLength, BufferAlignment);
        if (memory is null)
        {
            return null;
        }

        var transfer = new VirtioDiskTransfer(_transferCount, memory, _device.MaximumSegmentLength);
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
        ReadOnlySpan<DmaSegment> data = own.HandOver(request, (uint)count * SectorSize);
        SubmitStatus status;
        lock (_gate)
        {
            status = _device.TrySubmit(request, firstSector, data, own.Token);
            if (status == SubmitStatus.Ok)
            {
                own.Begin();
                _device.Notify();
                return DiskStatus.Ok;
            }
        }

        own.TakeBack();
        return status switch
        {
            SubmitStatus.OutOfRange => DiskStatus.OutOfRange,
            SubmitStatus.ReadOnly => DiskStatus.ReadOnly,
            SubmitStatus.Full => DiskStatus.NoResources,
            SubmitStatus.NotOffered => DiskStatus.Unsupported,
            SubmitStatus.NotRunning => DiskStatus.DeviceBroken,
            _ => throw new InvalidOperationException(Name + ": the driver calls a request invalid"),
        };
    }

    /// <inheritdoc/>
    protected override void GiveUp() => GiveUp(DiskStatus.TimedOut);

    private void GiveUp(DiskStatus status)
    {
        lock (_gate)
        {
            if (!_isGone)
            {
                _goneStatus = status;
                Volatile.Write(ref _isGone, true);
                _device.Stop();
            }
        }

        Span<BlockCompletion> batch = stackalloc BlockCompletion[Batch];
        int count;
        do
        {
            lock (_gate)
            {
                count = _device.Drain(batch);
            }

            Complete(batch[..count]);
        }
        while (count != 0);
    }

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

                _device.DisableInterrupts();
                count = _device.Drain(batch);
                hasMore = _device.State == DeviceState.Running
                    && (count == batch.Length || _device.EnableInterrupts());
            }

            Complete(batch[..count]);
        }

        GiveUpIfBroken();
    }

    private void GiveUpIfBroken()
    {
        if (_device.State == DeviceState.NeedsReset)
        {
            GiveUp(DiskStatus.DeviceBroken);
        }
    }

    private void Complete(ReadOnlySpan<BlockCompletion> completions)
    {
        foreach (BlockCompletion completion in completions)
        {
            VirtioDiskTransfer transfer = _transfers[completion.Token];
            transfer.TakeBack();
            if (completion.Status == BlockStatus.Abandoned)
            {
                transfer.Quarantine();
            }

            transfer.Complete(completion.Status switch
            {
                BlockStatus.Ok => DiskStatus.Ok,
                BlockStatus.Unsupported => DiskStatus.Unsupported,
                BlockStatus.Aborted or BlockStatus.Abandoned => _goneStatus,
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
        public override void OnConfigurationChange() => Volatile.Read(ref _disk)?.GiveUpIfBroken();
    }
}
