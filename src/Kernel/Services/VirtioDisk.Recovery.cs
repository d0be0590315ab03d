using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;

namespace VirtioGuest.Kernel.Services;

/// <content>A device in trouble. All of this is called under the lock.</content>
internal sealed partial class VirtioDisk
{
    /// <summary>How many bytes the device takes at once, as far as transfers have them.</summary>
    private uint TakenAtOnce =>
        (uint)Math.Min((ulong)_device.MaximumSegments * _device.MaximumSegmentLength, _transferLength);

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
            _recovery.GiveUp("it takes less than a sector at a time");
        }

        return takes;
    }
}
