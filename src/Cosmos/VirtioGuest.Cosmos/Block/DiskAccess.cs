using System;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using System.Runtime.InteropServices;
using VirtioGuest.Cosmos.Binding;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Block;

/// <summary>A virtio disk as Cosmos' callers want it: transfers that are done when the call returns.</summary>
/// <remarks>
/// <para>
/// A transfer is one request, or as many as the device's limits make of it, and goes straight between the device and
/// the caller's array. The call looks at the ring until the request is done, so it needs no interrupt, and works with
/// interrupts on or off. It waits at most <see cref="Deadline"/> for a request.
/// </para>
/// <para>
/// A device that breaks the rules, asks for a reset or does not answer fails the transfer and is reset; the next call
/// brings it up again. One call at a time: a call from an interrupt that came into another one is refused.
/// </para>
/// </remarks>
public sealed class DiskAccess
{
    /// <summary>The size of a sector in bytes, the unit of all numbers here.</summary>
    public const uint SectorLength = VirtioBlock.SectorSize;

    /// <summary>How long a request may take, in nanoseconds.</summary>
    public const ulong Deadline = 30_000_000_000;

    private readonly FunctionStart _start;
    private readonly CapacityRelay _relay = new();
    private readonly VirtioBlock _device;
    private BlockCompletion _completion;
    private BufferMap? _map;
    private LostBuffer? _lost;
    private ulong _sectorsPerRequest;
    private bool _isBusy;

    private DiskAccess(FunctionStart start, VirtioTransport transport, string name)
    {
        _start = start;
        _device = new VirtioBlock(transport, name, _relay);
        _relay.Device = _device;
    }

    /// <summary>The driver's side of the device.</summary>
    public VirtioBlock Device => _device;

    /// <summary>The size of the disk in sectors; may change while the device runs.</summary>
    public ulong SectorCount
    {
        get
        {
            // Two reads for this processor, and an interrupt may change it in between.
            uint interrupts = _start.Platform.DisableInterrupts();
            ulong capacity = _device.Capacity;
            _start.Platform.RestoreInterrupts(interrupts);
            return capacity;
        }
    }

    /// <summary>Who is told when <see cref="SectorCount"/> changes; called in an interrupt.</summary>
    public CapacityListener? Listener
    {
        get => _relay.Listener;
        set => _relay.Listener = value;
    }

    /// <summary>
    /// Whether a write returns only when what it wrote will survive a loss of power. On, as in Cosmos' own disk
    /// drivers, because a <c>BlockDevice</c> has no flush; where it is off, <see cref="Flush"/> makes up for it.
    /// </summary>
    public bool FlushesWrites { get; set; } = true;

    /// <summary>
    /// How many bytes of callers' buffers a device may still use that does not confirm a reset. They are kept for good.
    /// </summary>
    public ulong LostBytes => _lost is null ? 0 : _lost.Length;

    /// <summary>Reads sectors.</summary>
    /// <param name="first">The first sector.</param>
    /// <param name="count">How many; 0 reads nothing.</param>
    /// <param name="data">Where they go; as long as they are, or less than a sector longer.</param>
    /// <exception cref="Exception">
    /// The array has another size; the text is that of Cosmos' <c>CheckDataSize</c>.
    /// </exception>
    /// <exception cref="IOException">
    /// There is no array, a sector lies beyond the end, or the device failed. What was transferred is not known then.
    /// </exception>
    public void Read(ulong first, ulong count, byte[]? data) => Transfer(BlockOperation.Read, first, count, data);

    /// <summary>Writes sectors; parameters and errors are those of <see cref="Read"/>.</summary>
    public void Write(ulong first, ulong count, byte[]? data) => Transfer(BlockOperation.Write, first, count, data);

    /// <summary>Makes all that was written survive a loss of power.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void Flush()
    {
        string? failure = TryFlush();
        if (failure is not null)
        {
            Throw(BlockOperation.Flush, 0, 0, failure);
        }
    }

    /// <summary>Reads sectors, and tells of a failure without an exception.</summary>
    /// <param name="first">The first sector.</param>
    /// <param name="count">How many.</param>
    /// <param name="data">Where they go; at least as long as they are.</param>
    /// <returns>Null, or what went wrong, in words fit to follow the disk's name and a colon.</returns>
    public string? TryRead(ulong first, ulong count, byte[] data) =>
        Exclusively(BlockOperation.Read, first, count, data);

    /// <summary>Writes sectors; parameters and result are those of <see cref="TryRead"/>.</summary>
    public string? TryWrite(ulong first, ulong count, byte[] data) =>
        Exclusively(BlockOperation.Write, first, count, data);

    /// <summary>Makes what was written survive a loss of power; the result is that of <see cref="TryRead"/>.</summary>
    public string? TryFlush() => Exclusively(BlockOperation.Flush, 0, 0, Array.Empty<byte>());

    /// <summary>Brings a disk up.</summary>
    /// <param name="start">How its function is started.</param>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it is called, for example <c>disk0</c>.</param>
    /// <param name="failure">Why there is none, as the end of a sentence that starts with the device.</param>
    internal static DiskAccess? TryCreate(
        FunctionStart start, VirtioTransport transport, string name, out string failure)
    {
        var disk = new DiskAccess(start, transport, name);
        string? trouble = disk.StartDevice();
        failure = trouble ?? string.Empty;
        return trouble is null ? disk : null;
    }

    private void Transfer(BlockOperation operation, ulong first, ulong count, byte[]? data)
    {
        if (data is null)
        {
            Throw(operation, first, count, "there is no buffer");
        }

        if ((uint)data.Length / SectorLength != count)
        {
            DataSize.Throw();
        }

        string? failure = Exclusively(operation, first, count, data);
        if (failure is not null)
        {
            Throw(operation, first, count, failure);
        }
    }

    [DoesNotReturn]
    private void Throw(BlockOperation operation, ulong first, ulong count, string failure) =>
        throw new IOException(Describe(operation, first, count) + ": " + failure);

    private string Describe(BlockOperation operation, ulong first, ulong count) =>
        operation == BlockOperation.Flush
            ? _device.Name + ": flush"
            : _device.Name + (operation == BlockOperation.Read ? ": read" : ": write") + " at sector "
                + DecimalText.Of(first) + ", count " + DecimalText.Of(count);

    /// <summary>Carries a transfer out, unless it comes into another one.</summary>
    /// <returns>Null, or what went wrong.</returns>
    private string? Exclusively(BlockOperation operation, ulong first, ulong count, byte[] data)
    {
        if (_isBusy)
        {
            return "the disk is in use by what this interrupted";
        }

        _isBusy = true;
        string? failure = Recover() ?? CheckRange(first, count) ?? CheckBuffer(count, data);
        failure ??= operation == BlockOperation.Flush ? FlushDevice() : TransferAll(operation, first, count, data);
        _isBusy = false;
        return failure;
    }

    private string? CheckRange(ulong first, ulong count)
    {
        ulong capacity = SectorCount;
        return first <= capacity && count <= capacity - first
            ? null
            : "beyond the end, which is at sector " + DecimalText.Of(capacity);
    }

    private static string? CheckBuffer(ulong count, byte[] data) =>
        count <= (uint)data.Length / SectorLength ? null : "the buffer is too short";

    private string? TransferAll(BlockOperation operation, ulong first, ulong count, byte[] data)
    {
        ulong done = 0;
        while (done < count)
        {
            ulong left = count - done;
            ulong sectors = left < _sectorsPerRequest ? left : _sectorsPerRequest;
            string? failure = TransferOnce(
                operation, first + done, data, (uint)(done * SectorLength), (uint)(sectors * SectorLength));
            if (failure is not null)
            {
                return failure;
            }

            done += sectors;
        }

        return operation == BlockOperation.Write && count != 0 && FlushesWrites ? FlushDevice() : null;
    }

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
        return failure is null ? null : "the device cannot be brought up again: it " + failure;
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

    /// <summary>A caller's buffer that a device may still use, and that is referred to for good.</summary>
    /// <remarks>
    /// A chain and no list: what an array refers to, Cosmos' collector frees if it is larger than a kilobyte.
    /// </remarks>
    private sealed class LostBuffer
    {
        private readonly byte[] _buffer;
        private readonly LostBuffer? _next;

        /// <summary>Keeps a buffer.</summary>
        /// <param name="buffer">The buffer.</param>
        /// <param name="next">Those that were lost before.</param>
        internal LostBuffer(byte[] buffer, LostBuffer? next)
        {
            _buffer = buffer;
            _next = next;
        }

        /// <summary>How many bytes were lost.</summary>
        internal ulong Length => (uint)_buffer.Length + (_next is null ? 0UL : _next.Length);
    }
}

/// <summary>What to tell people of a request that did not do.</summary>
internal static class DiskTexts
{
    /// <summary>Why the device did not get the request.</summary>
    internal static string Of(SubmitStatus status)
    {
        switch (status)
        {
            case SubmitStatus.Full:
                return "the queue is full";
            case SubmitStatus.OutOfRange:
                return "a sector lies beyond the end of the disk";
            case SubmitStatus.ReadOnly:
                return "the disk is read-only";
            case SubmitStatus.NotOffered:
                return "the disk has no flush";
            case SubmitStatus.NotRunning:
                return "the device is not running";
            default:
                return "the device does not take such a request";
        }
    }

    /// <summary>Why the device did not carry the request out.</summary>
    internal static string Of(BlockStatus status)
    {
        switch (status)
        {
            case BlockStatus.IoError:
                return "the device reports an I/O error";
            case BlockStatus.Unsupported:
                return "the device does not support the request";
            case BlockStatus.NoStatus:
                return "the device gave no status";
            case BlockStatus.Abandoned:
                return "the device was cut off without confirming a reset";
            default:
                return "the device was reset";
        }
    }
}

/// <summary>The error of a buffer that does not have the size of its blocks.</summary>
internal static class DataSize
{
    /// <summary>Throws what <c>CheckDataSize</c> of Cosmos' <c>BlockDevice</c> throws.</summary>
    [DoesNotReturn]
    [SuppressMessage("Usage", "CA2201", Justification = "Callers of Cosmos' disks know this very exception.")]
    internal static void Throw() => throw new Exception("Invalid data size.");
}
