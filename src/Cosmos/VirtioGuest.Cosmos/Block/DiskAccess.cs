using System;
using System.Diagnostics.CodeAnalysis;
using System.IO;
using VirtioGuest.Cosmos.Binding;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;
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
public sealed partial class DiskAccess
{
    /// <summary>The size of a sector in bytes, the unit of all numbers here.</summary>
    public const uint SectorLength = VirtioBlock.SectorSize;

    /// <summary>How long a request may take, in nanoseconds.</summary>
    public const ulong Deadline = 30_000_000_000;

    private readonly FunctionStart _start;
    private readonly CapacityRelay _relay = new CapacityRelay();
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
    public ulong LostBytes => _lost == null ? 0 : _lost.Length;

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
        if (failure != null)
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
        DiskAccess disk = new DiskAccess(start, transport, name);
        string? trouble = disk.StartDevice();
        failure = trouble ?? string.Empty;
        return trouble == null ? disk : null;
    }

    private void Transfer(BlockOperation operation, ulong first, ulong count, byte[]? data)
    {
        if (data == null)
        {
            Throw(operation, first, count, "there is no buffer");
        }

        if ((uint)data.Length / SectorLength != count)
        {
            DataSize.Throw();
        }

        string? failure = Exclusively(operation, first, count, data);
        if (failure != null)
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
            if (failure != null)
            {
                return failure;
            }

            done += sectors;
        }

        return operation == BlockOperation.Write && count != 0 && FlushesWrites ? FlushDevice() : null;
    }
}
