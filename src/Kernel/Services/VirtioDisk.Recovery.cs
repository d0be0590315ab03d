using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio;
using VirtioGuest.Drivers.Virtio.Block;

namespace VirtioGuest.Kernel.Services;

/// <content>A device in trouble. All of this is called under the lock.</content>
internal sealed partial class VirtioDisk
{
    /// <summary>Recovers a device that found itself, or was found, in trouble.</summary>
    /// <returns>Whether the disk is in use.</returns>
    private bool RecoverIfBroken()
    {
        if (!_isGone && _device.State == DeviceState.NeedsReset)
        {
            Recover(DiskStatus.DeviceReset);
        }

        return !_isGone;
    }

    private void Recover(DiskStatus failure)
    {
        // What is in the ring was done before the trouble; there is none where the ring itself is broken.
        Span<BlockCompletion> batch = stackalloc BlockCompletion[Batch];
        int count;
        while ((count = _device.Drain(batch)) != 0)
        {
            Complete(batch[..count]);
        }

        _device.Stop();
        int aborted = TakeAborted(batch, failure);
        bool isBack = _recovery.TryRestart() && KeepsItsLimits();
        Volatile.Write(ref _isGone, !isBack);
        failure = isBack ? failure : WithoutDevice(failure);
        for (int i = 0; i < aborted; i++)
        {
            VirtioDiskTransfer transfer = _aborted[i];
            DiskStatus status = failure == DiskStatus.DeviceReset && !transfer.IsRepeated
                ? Repeat(transfer)
                : failure;
            if (status != DiskStatus.Ok)
            {
                transfer.Complete(status);
            }
        }

        _device.Notify();
    }

    /// <summary>What becomes of a failure where the device does not come back.</summary>
    private static DiskStatus WithoutDevice(DiskStatus failure) =>
        failure == DiskStatus.DeviceReset ? DiskStatus.DeviceBroken : failure;

    /// <summary>Takes back all that a device had which was stopped.</summary>
    /// <returns>How many transfers can be repeated; those of a device that confirmed nothing have failed.</returns>
    private int TakeAborted(Span<BlockCompletion> batch, DiskStatus failure)
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
                    transfer.Complete(WithoutDevice(failure));
                }
                else
                {
                    _aborted[aborted++] = transfer;
                }
            }
        }

        return aborted;
    }

    /// <summary>Whether transfers that were made for an earlier life of the device fit this one.</summary>
    private bool KeepsItsLimits()
    {
        uint segments = ((_transferLength - 1) / _segmentLength) + 1;
        bool keeps = _device.MaximumSegmentLength >= _segmentLength && _device.MaximumSegments >= segments;
        if (!keeps)
        {
            _recovery.GiveUp("it takes less at a time than before");
        }

        return keeps;
    }

    private DiskStatus Repeat(VirtioDiskTransfer transfer)
    {
        transfer.HandOverAgain();
        SubmitStatus status = Submit(transfer);
        if (status == SubmitStatus.Ok)
        {
            return DiskStatus.Ok;
        }

        transfer.TakeBack();
        return StatusOf(status);
    }
}
