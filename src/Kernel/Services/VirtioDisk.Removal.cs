using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices.Block;

namespace VirtioGuest.Kernel.Services;

/// <content>A device that is taken out of the machine.</content>
internal sealed partial class VirtioDisk
{
    private bool _isRemoved;

    /// <inheritdoc/>
    public override bool IsRemoved => Volatile.Read(ref _isRemoved);

    /// <inheritdoc/>
    protected override DiskStatus WhyUnusable => IsRemoved ? DiskStatus.Removed : DiskStatus.DeviceBroken;

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
}
