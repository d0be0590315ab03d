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
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Block;

/// <summary>A virtio disk in Cosmos' terms: a transfer is done when the call returns.</summary>
/// <remarks>
/// <para>
/// A transfer is one request, or several where the device's limits are smaller, and goes straight between the device
/// and the caller's array. The call polls the ring until the request is done, so it needs no interrupt, and works with
/// interrupts on or off. It waits for a request no longer than <see cref="LongestWait"/>.
/// </para>
/// <para>
/// Where the device breaks the rules, asks for a reset or does not answer, the transfer fails and the device is reset;
/// the next call starts it again. There is one call at a time: a call from an interrupt handler that has interrupted
/// another call is refused.
/// </para>
/// </remarks>
public sealed class DiskAccess
{
    /// <summary>The size of a sector in bytes. Positions and counts are in sectors.</summary>
    public const uint SectorLength = VirtioBlock.SectorSize;

    /// <summary>How long a request may take, in nanoseconds.</summary>
    public const ulong LongestWait = 30_000_000_000;

    private readonly DeviceFunction _function;
    private readonly CapacityRelay _relay = new();
    private readonly VirtioBlock _device;
    private readonly BlockQueue _queue;
    private BlockCompletion _completion;
    private BufferMap? _map;
    private LostBuffer? _lost;
    private ulong _sectorsPerRequest;
    private bool _isBusy;

    private DiskAccess(DeviceFunction function, VirtioTransport transport, string name)
    {
        _function = function;
        _device = new VirtioBlock(transport, name, _relay);
        _queue = _device.Queue(0);
        _relay.Device = _device;
    }

    /// <summary>The driver's side of the device.</summary>
    public VirtioBlock Device => _device;

    /// <summary>The size of the disk in sectors. May change while the device runs.</summary>
    public ulong SectorCount
    {
        get
        {
            // This processor reads 64 bits in two steps, and an interrupt may change them in between.
            uint interrupts = _function.Platform.DisableInterrupts();
            ulong capacity = _device.Capacity;
            _function.Platform.RestoreInterrupts(interrupts);
            return capacity;
        }
    }

    /// <summary>Is called in an interrupt when <see cref="SectorCount"/> changes.</summary>
    public CapacityListener? Listener
    {
        get => _relay.Listener;
        set => _relay.Listener = value;
    }

    /// <summary>
    /// Whether each write is followed by a flush, so that it survives a loss of power once it has returned. On unless
    /// turned off, as in Cosmos' own disk drivers, because a <c>BlockDevice</c> has no flush.
    /// </summary>
    public bool FlushesWrites { get; set; } = true;

    /// <summary>
    /// How many bytes of callers' buffers are never freed, because a device that does not confirm a reset may still
    /// use them.
    /// </summary>
    public ulong LostBytes => _lost is null ? 0 : _lost.Length;

    /// <summary>Reads sectors.</summary>
    /// <param name="first">The first sector.</param>
    /// <param name="count">How many; 0 reads nothing.</param>
    /// <param name="data">Where they go: as long as they are, or longer by less than a sector.</param>
    /// <exception cref="Exception">
    /// The array has another size; the text is that of Cosmos' <c>CheckDataSize</c>.
    /// </exception>
    /// <exception cref="IOException">
    /// There is no array, a sector lies beyond the end, or the device failed. How much was transferred is not known.
    /// </exception>
    public void Read(ulong first, ulong count, byte[]? data) => Transfer(BlockOperation.Read, first, count, data);

    /// <summary>Writes sectors; parameters and errors are those of <see cref="Read"/>.</summary>
    public void Write(ulong first, ulong count, byte[]? data) => Transfer(BlockOperation.Write, first, count, data);

    /// <summary>Makes everything written so far survive a loss of power.</summary>
    /// <exception cref="IOException">The device failed.</exception>
    public void Flush()
    {
        Failure? failure = TryFlush();
        if (failure is not null)
        {
            Throw(BlockOperation.Flush, 0, 0, failure);
        }
    }

    /// <summary>Reads sectors, and returns a failure instead of throwing it.</summary>
    /// <param name="first">The first sector.</param>
    /// <param name="count">How many; 0 reads nothing.</param>
    /// <param name="data">Where they go: at least as long as they are.</param>
    /// <returns>Null, or what went wrong.</returns>
    public Failure? TryRead(ulong first, ulong count, byte[] data) =>
        Exclusively(BlockOperation.Read, first, count, data);

    /// <summary>Writes sectors; parameters and result are those of <see cref="TryRead"/>.</summary>
    public Failure? TryWrite(ulong first, ulong count, byte[] data) =>
        Exclusively(BlockOperation.Write, first, count, data);

    /// <summary>Asks the device about itself.</summary>
    /// <param name="question">A request that has an answer of its own, such as the device's ID.</param>
    /// <param name="answer">As long as the answer is.</param>
    /// <returns>Null, or what went wrong.</returns>
    public Failure? TryAsk(BlockOperation question, byte[] answer) => Exclusively(question, 0, 0, answer);

    /// <summary>Does what <see cref="Flush"/> does; the result is that of <see cref="TryRead"/>.</summary>
    public Failure? TryFlush() => Exclusively(BlockOperation.Flush, 0, 0, Array.Empty<byte>());

    /// <param name="function">The disk's function.</param>
    /// <param name="transport">The transport on that function.</param>
    /// <param name="name">For example <c>disk0</c>.</param>
    /// <param name="failure">Why null is returned.</param>
    internal static DiskAccess? TryCreate(
        DeviceFunction function, VirtioTransport transport, string name, out Failure? failure)
    {
        var disk = new DiskAccess(function, transport, name);
        failure = disk.StartDevice();
        return failure is null ? disk : null;
    }

    private void Transfer(BlockOperation operation, ulong first, ulong count, byte[]? data)
    {
        if (data is null)
        {
            Throw(operation, first, count, new Failure("there is no buffer", isSentence: true));
        }

        if ((uint)data.Length / SectorLength != count)
        {
            ThrowInvalidSize();
        }

        Failure? failure = Exclusively(operation, first, count, data);
        if (failure is not null)
        {
            Throw(operation, first, count, failure);
        }
    }

    [DoesNotReturn]
    private void Throw(BlockOperation operation, ulong first, ulong count, Failure failure) =>
        throw new IOException(Describe(operation, first, count) + ": " + failure.Of("the device"));

    /// <summary>Throws what <c>CheckDataSize</c> of Cosmos' <c>BlockDevice</c> throws.</summary>
    [DoesNotReturn]
    [SuppressMessage("Usage", "CA2201", Justification = "Callers of Cosmos' disks know this very exception.")]
    private static void ThrowInvalidSize() => throw new Exception("Invalid data size.");

    private string Describe(BlockOperation operation, ulong first, ulong count) =>
        operation == BlockOperation.Flush
            ? _device.Name + ": flush"
            : _device.Name + (operation == BlockOperation.Read ? ": read" : ": write") + " at sector "
                + DecimalText.Of(first) + ", count " + DecimalText.Of(count);

    /// <summary>Carries out a transfer, unless the call has interrupted another one.</summary>
    private Failure? Exclusively(BlockOperation operation, ulong first, ulong count, byte[] data)
    {
        if (_isBusy)
        {
            return new Failure("the disk is in use by what this interrupted", isSentence: true);
        }

        _isBusy = true;
        Failure? failure = Recover() ?? CheckRange(first, count) ?? CheckBuffer(count, data);
        failure ??= operation switch
        {
            BlockOperation.Flush => FlushDevice(),
            BlockOperation.Read or BlockOperation.Write => TransferAll(operation, first, count, data),
            _ => TransferOnce(operation, 0, data, 0, (uint)data.Length),
        };
        _isBusy = false;
        return failure;
    }

    private Failure? CheckRange(ulong first, ulong count)
    {
        ulong capacity = SectorCount;
        return first <= capacity && count <= capacity - first
            ? null
            : new Failure("the disk ends at sector " + DecimalText.Of(capacity), isSentence: true);
    }

    private static Failure? CheckBuffer(ulong count, byte[] data) =>
        count <= (uint)data.Length / SectorLength ? null : new Failure("the buffer is too short", isSentence: true);

    private Failure? TransferAll(BlockOperation operation, ulong first, ulong count, byte[] data)
    {
        ulong done = 0;
        while (done < count)
        {
            ulong left = count - done;
            ulong sectors = left < _sectorsPerRequest ? left : _sectorsPerRequest;
            Failure? failure = TransferOnce(
                operation, first + done, data, (uint)(done * SectorLength), (uint)(sectors * SectorLength));
            if (failure is not null)
            {
                return failure;
            }

            done += sectors;
        }

        return operation == BlockOperation.Write && count != 0 && FlushesWrites ? FlushDevice() : null;
    }

    private Failure? TransferOnce(BlockOperation operation, ulong sector, byte[] data, uint offset, uint length)
    {
        BufferMap map = _map!;
        if (map.Load(data, offset, length) != DmaStatus.Ok)
        {
            return new Failure("cannot be given the buffer");
        }

        bool isRead = operation != BlockOperation.Write;
        map.Sync(length, isRead ? DmaSync.PreRead : DmaSync.PreWrite);
        Failure? failure = Submit(operation, sector, map.Segments, out bool isAbandoned);
        if (isAbandoned)
        {
            _lost = new LostBuffer(map.Quarantine() ?? data, _lost);
            return failure;
        }

        map.Sync(length, isRead ? DmaSync.PostRead : DmaSync.PostWrite);
        map.Unload();
        return failure;
    }

    private Failure? FlushDevice() =>
        _device.HasFlush ? Submit(BlockOperation.Flush, 0, ReadOnlySpan<DmaSegment>.Empty, out _) : null;

    private Failure? Submit(
        BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> segments, out bool isAbandoned)
    {
        isAbandoned = false;
        uint interrupts = _function.Platform.DisableInterrupts();
        BlockStatus submitted = _queue.TrySubmit(operation, sector, segments, token: 0);
        if (submitted == BlockStatus.Ok)
        {
            _queue.Notify();
        }

        _function.Platform.RestoreInterrupts(interrupts);
        if (submitted != BlockStatus.Ok)
        {
            // A broken ring takes nothing. Looking for completions makes the driver notice that it is broken, so that
            // the next call starts the device again.
            TryDrain(out _);
            return _device.State == DeviceState.Running ? new Failure(submitted.Describe(), isSentence: true) : Trouble;
        }

        BlockStatus status = Await(out Failure? trouble);
        isAbandoned = status == BlockStatus.Abandoned;
        return trouble ?? (status == BlockStatus.Ok ? null : new Failure(status.Describe(), isSentence: true));
    }

    /// <summary>Waits for the request. A device that does not finish it is reset.</summary>
    private BlockStatus Await(out Failure? trouble)
    {
        var deadline = new Deadline(_function.Machine.Clock, LongestWait);
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

            if (!deadline.TryWait())
            {
                trouble = new Failure("does not answer");
                return StopDevice();
            }
        }
    }

    private Failure Trouble => _device.Trouble ?? new Failure("is not running");

    private bool TryDrain(out BlockStatus status)
    {
        // Making a span of an array asks for the array's type, and IL2CPU allocates that each time.
        Span<BlockCompletion> completion = MemoryMarshal.CreateSpan(ref _completion, 1);
        uint interrupts = _function.Platform.DisableInterrupts();
        int count = _queue.Drain(completion);
        _function.Platform.RestoreInterrupts(interrupts);
        status = _completion.Status;
        return count != 0;
    }

    /// <summary>Resets the device, and takes back the one request that it had.</summary>
    private BlockStatus StopDevice()
    {
        _device.Stop();
        return TryDrain(out BlockStatus status) ? status : BlockStatus.Aborted;
    }

    private Failure? Recover()
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
            return new Failure("was cut off, because it does not confirm a reset");
        }

        Failure? failure = StartDevice();
        return failure is null ? null : new Failure("cannot be brought up again: " + failure.Of("it"));
    }

    /// <returns>Null, or why the device does not run.</returns>
    private Failure? StartDevice()
    {
        _relay.Hold();
        bool isRunning = _function.TryStart(_device, out Failure? failure);
        uint interrupts = _function.Platform.DisableInterrupts();
        _relay.Release();
        _function.Platform.RestoreInterrupts(interrupts);
        if (!isRunning)
        {
            return failure;
        }

        // Completions are polled for; only a change of the configuration has to interrupt.
        _queue.DisableInterrupts();
        ulong bytes = (ulong)_queue.MaximumSegments * _device.MaximumSegmentLength;
        _sectorsPerRequest = (bytes & ~(_device.BlockSize - 1UL)) / SectorLength;
        if (_sectorsPerRequest == 0)
        {
            _device.Stop();
            return new Failure("takes less than a sector at a time");
        }

        _map = new BufferMap(_function.Machine.Dma, _queue.MaximumSegments, _device.MaximumSegmentLength);
        return null;
    }

    /// <summary>A caller's buffer that a device may still use. It is kept alive for good.</summary>
    /// <remarks>
    /// A chain, not a list: what only an array refers to, Cosmos' collector frees if it is larger than a kilobyte.
    /// </remarks>
    private sealed class LostBuffer
    {
        private readonly byte[] _buffer;
        private readonly LostBuffer? _next;

        internal LostBuffer(byte[] buffer, LostBuffer? next)
        {
            _buffer = buffer;
            _next = next;
        }

        /// <summary>The length of this buffer and of all that were lost before, in bytes.</summary>
        internal ulong Length => (uint)_buffer.Length + (_next is null ? 0UL : _next.Length);
    }
}
