using System;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Devices.Entropy;

/// <summary>The driver of entropy devices, which have neither features nor a configuration (virtio 1.4, 5.4).</summary>
internal sealed class EntropyDriver() : VirtioDriver(
    DeviceTypes.Entropy, "rng", new DeviceOperation("read", "COUNT", 256, "show random bytes", isSelfTest: true))
{
    /// <inheritdoc/>
    public override VirtioDevice Create(VirtioTransport transport, string name, DeviceEventSink owner) =>
        new VirtioEntropy(this, transport, name, owner);
}

/// <summary>An entropy device: it fills the buffer that it is given with random bytes (virtio 1.4, 5.4).</summary>
public sealed class VirtioEntropy(
    VirtioDriver driver, VirtioTransport transport, string name, DeviceEventSink owner)
    : VirtioDevice(driver, transport, name, owner, "requestq")
{
    /// <summary>The most bytes that are asked for at a time.</summary>
    public const int MaximumLength = 64;

    private readonly DmaSegment[] _buffer = new DmaSegment[1];
    private DmaMemory? _memory;
    private string _text = string.Empty;
    private int _missing;

    /// <summary>Gives the device a buffer to fill. An interrupt follows once it has.</summary>
    /// <returns>False where it does not run, or has not filled the last one yet.</returns>
    public bool TryAsk(int count)
    {
        // An answer that nobody waited for any more may still be there.
        if (State != DeviceState.Running || (Queue(0).InFlight != 0 && !TryTake(Span<byte>.Empty, out _)))
        {
            return false;
        }

        _buffer[0] = _memory!.Segment(0, (uint)Math.Min(count, MaximumLength));
        _memory.Sync(0, _buffer[0].Length, DmaSync.PreRead, EntropySites.BufferToDevice);
        Queue(0).EnableInterrupts();
        Queue(0).TryAdd(ReadOnlySpan<DmaSegment>.Empty, _buffer, 0);
        Queue(0).NotifyIfDue();
        return true;
    }

    /// <summary>Takes the bytes of the last <see cref="TryAsk"/>.</summary>
    /// <param name="bytes">Room for what was asked for; what does not fit is dropped.</param>
    /// <param name="count">How many there are: as many as were asked for, or fewer (virtio 1.4, 5.4.6).</param>
    /// <returns>False where the device has not answered yet.</returns>
    public bool TryTake(Span<byte> bytes, out int count)
    {
        count = 0;
        if (!TryGetUsed(0, out uint length))
        {
            return false;
        }

        _memory!.Sync(0, _buffer[0].Length, DmaSync.PostRead, EntropySites.BufferFromDevice);
        count = Math.Min((int)length, bytes.Length);
        _memory.Bytes(0, (uint)count).CopyTo(bytes);
        return true;
    }

    /// <inheritdoc/>
    public override Failure? BeginOperation(DeviceOperation operation, int argument)
    {
        (_text, _missing) = (string.Empty, argument);
        return TryAsk(_missing) ? null : new Failure("is busy");
    }

    /// <inheritdoc/>
    public override bool TryEndOperation(out string result, out Failure? failure)
    {
        Span<byte> bytes = stackalloc byte[MaximumLength];
        bool hasAnswered = TryTake(bytes, out int count);
        result = _text += Hexadecimal.Format(bytes.Slice(0, count));
        _missing -= count;
        failure = hasAnswered && count == 0 ? new Failure("gave no bytes") : null;
        return hasAnswered && (_missing <= 0 || failure is not null || !TryAsk(_missing));
    }

    /// <inheritdoc/>
    protected override Failure? SetUp()
    {
        _memory = Dma.Allocate(MaximumLength, MaximumLength);
        return _memory is null ? new Failure("cannot be given memory for its buffer") : null;
    }

    /// <inheritdoc/>
    protected override void ReleaseMemory(bool quarantine)
    {
        uint given = _memory is null || Queue(0).InFlight == 0 ? 0 : _buffer[0].Length;
        Release(ref _memory, given, DmaSync.PostRead, quarantine, EntropySites.LeftBufferFromDevice);
    }
}
