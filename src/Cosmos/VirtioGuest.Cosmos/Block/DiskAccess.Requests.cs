using System;
using System.Runtime.InteropServices;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Block;

/// <content>One request and the device that carries it out, whatever becomes of it.</content>
public sealed partial class DiskAccess
{
    private string? TransferOnce(BlockOperation operation, ulong sector, byte[] data, uint offset, uint length)
    {
        BufferMap map = _map!;
        if (map.Load(data, offset, length) != DmaStatus.Ok)
        {
            return "the device cannot be given the buffer";
        }

        bool isRead = operation == BlockOperation.Read;
        map.Sync(length, isRead ? DmaSync.PreRead : DmaSync.PreWrite);
        string? failure = Submit(operation, sector, map.Segments, out bool isAbandoned);
        if (isAbandoned)
        {
            _lost = new LostBuffer(map.Quarantine() ?? data, _lost);
            return failure;
        }

        map.Sync(length, isRead ? DmaSync.PostRead : DmaSync.PostWrite);
        map.Unload();
        return failure;
    }

    private string? FlushDevice() =>
        _device.HasFlush ? Submit(BlockOperation.Flush, 0, ReadOnlySpan<DmaSegment>.Empty, out _) : null;

    /// <summary>Has the device carry a request out, and waits for it.</summary>
    private string? Submit(
        BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> segments, out bool isAbandoned)
    {
        isAbandoned = false;
        uint interrupts = _start.Platform.DisableInterrupts();
        SubmitStatus submitted = _device.TrySubmit(operation, sector, segments, token: 0);
        if (submitted == SubmitStatus.Ok)
        {
            _device.Notify();
        }

        _start.Platform.RestoreInterrupts(interrupts);
        if (submitted != SubmitStatus.Ok)
        {
            // A ring that was found broken takes nothing; the look has the driver give up on the device, so that the
            // next call brings it up again.
            TryDrain(out _);
            return _device.State == DeviceState.Running ? DiskTexts.Of(submitted) : Trouble;
        }

        BlockStatus status = Await(out string? trouble);
        isAbandoned = status == BlockStatus.Abandoned;
        return trouble ?? (status == BlockStatus.Ok ? null : DiskTexts.Of(status));
    }

    /// <summary>Waits for the request; a device that does not finish it is reset.</summary>
    private BlockStatus Await(out string? trouble)
    {
        MonotonicClock clock = _start.Machine.Clock;
        ulong began = clock.Nanoseconds;
        trouble = null;
        while (true)
        {
            if (TryDrain(out BlockStatus status))
            {
                return status;
            }

            if (_device.State != DeviceState.Running)
            {
                trouble = Trouble;
                return StopDevice();
            }

            if (clock.Nanoseconds - began >= Deadline)
            {
                trouble = "the device does not answer";
                return StopDevice();
            }

            clock.Relax();
        }
    }

    private string Trouble => _device.Trouble ?? "the device is not running";

    private bool TryDrain(out BlockStatus status)
    {
        // A span that is made of an array asks for the array's type, which IL2CPU allocates each time.
        Span<BlockCompletion> completion = MemoryMarshal.CreateSpan(ref _completion, 1);
        uint interrupts = _start.Platform.DisableInterrupts();
        int count = _device.Drain(completion);
        _start.Platform.RestoreInterrupts(interrupts);
        status = _completion.Status;
        return count != 0;
    }

    /// <summary>Resets the device, and takes the one request back that it had.</summary>
    private BlockStatus StopDevice()
    {
        _device.Stop();
        return TryDrain(out BlockStatus status) ? status : BlockStatus.Aborted;
    }

    /// <summary>Brings a device up again that was reset, or has to be.</summary>
    private string? Recover()
    {
        if (_device.State == DeviceState.NeedsReset)
        {
            _device.Stop();
        }

        if (_device.State == DeviceState.Running)
        {
            return null;
        }

        if (_device.State != DeviceState.Stopped)
        {
            return "the device was cut off, because it does not confirm a reset";
        }

        string? failure = StartDevice();
        return failure == null ? null : "the device cannot be brought up again: it " + failure;
    }

    /// <summary>Brings the device up.</summary>
    /// <returns>Null, or why it is not up, as the end of a sentence that starts with the device.</returns>
    private string? StartDevice()
    {
        _relay.Hold();
        bool isUp = _start.TryStart(_device, out string failure);
        uint interrupts = _start.Platform.DisableInterrupts();
        _relay.Release();
        _start.Platform.RestoreInterrupts(interrupts);
        if (!isUp)
        {
            return failure;
        }

        // Completions are looked for; only changes of the configuration have to interrupt.
        _device.DisableInterrupts();
        ulong bytes = (ulong)_device.MaximumSegments * _device.MaximumSegmentLength;
        _sectorsPerRequest = bytes / SectorLength;
        if (_sectorsPerRequest == 0)
        {
            _device.Stop();
            return "takes less than a sector at a time";
        }

        _map = new BufferMap(_start.Machine.Dma, _device.MaximumSegments, _device.MaximumSegmentLength);
        return null;
    }
}
