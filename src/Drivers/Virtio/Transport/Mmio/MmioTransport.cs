using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport.Mmio;

/// <summary>Virtio over MMIO, version 2 (virtio 1.4, 4.2): registers at an address and one interrupt line.</summary>
public sealed class MmioTransport : VirtioTransport
{
    /// <summary>How many bytes of registers a device has at least.</summary>
    public const uint MinimumLength = MmioRegisters.Length;

    private const uint LegacyVersion = 1;
    private const uint ModernVersion = 2;
    private const uint MaximumConfiguration = 4096;
    private const ulong Nowhere = ulong.MaxValue;

    /// <summary>Bits that the specification has for PCI only.</summary>
    private const Features PciFeatures = Features.SrIov
        | Features.NotifConfigData | Features.AdminVq;

    private readonly MmioRegisters _registers;
    private readonly MmioRegion _window;
    private readonly ulong _address;
    private readonly byte _lineNumber;
    private LineInterrupt? _line;
    private int _queuesMadeReady;

    private MmioTransport(Machine machine, ushort deviceType, ulong address, MmioRegion window, byte line)
        : base(machine, deviceType, "0x" + Hexadecimal.Format(address))
    {
        _registers = new MmioRegisters(window);
        _window = window;
        _address = address;
        _lineNumber = line;
    }

    /// <inheritdoc/>
    public override string Kind => "virtio-mmio";

    /// <inheritdoc/>
    public override string InterruptKind =>
        _line == null ? "none"
            : (_line.IsPolled ? "polled, line " : "interrupt line ") + DecimalText.Of(_lineNumber);

    /// <inheritdoc/>
    public override string Interface => "version 2";

    /// <inheritdoc/>
    public override string InterruptReason => _line == null ? "not connected"
        : _line.IsPolled ? "the machine cannot bring its line" : "the transport has one line";

    /// <inheritdoc/>
    public override DeviceStatus Status
    {
        get => _registers.Status;
        set => _registers.Status = value;
    }

    /// <inheritdoc/>
    public override uint ConfigurationGeneration => _registers.Generation;

    /// <inheritdoc/>
    public override uint ConfigurationLength => _window.Length - MmioRegisters.Length;

    /// <inheritdoc/>
    /// <remarks>No register tells it: a queue that is not there has no size.</remarks>
    public override int QueueCount => ushort.MaxValue + 1;

    /// <inheritdoc/>
    public override Features SupportedFeatures => ~PciFeatures;

    /// <summary>Looks for a device at a place; nothing of the device is changed.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="address">Where its registers begin on the bus, a multiple of 4.</param>
    /// <param name="length">How many bytes there are, with the device-specific configuration.</param>
    /// <param name="line">Its interrupt line.</param>
    /// <param name="failure">
    /// Why the place has no transport. Null if it has one, and also where it is an empty one, which is no fault (virtio
    /// 1.4, 4.2.2.2).
    /// </param>
    public static MmioTransport? TryCreate(
        Machine machine, ulong address, ulong length, byte line, out Failure? failure)
    {
        failure = null;
        if (length < MinimumLength || (address & 3) != 0 || address > ulong.MaxValue - length)
        {
            failure = new Failure("is no place for the registers of a device");
            return null;
        }

        uint mapped = (uint)(length < MinimumLength + MaximumConfiguration
            ? length : MinimumLength + MaximumConfiguration);
        MmioRegion? window = machine.MapMmio(address, mapped);
        if (window == null)
        {
            failure = new Failure("cannot be mapped");
            return null;
        }

        MmioRegisters registers = new MmioRegisters(window);
        if (!registers.IsVirtio)
        {
            failure = new Failure("has no virtio device");
            return null;
        }

        uint version = registers.InterfaceVersion;
        if (version != ModernVersion)
        {
            failure = new Failure(version == LegacyVersion
                ? "offers the legacy interface only (virtio-mmio version 1)"
                : "speaks virtio-mmio version " + DecimalText.Of(version) + ", not 2");
            return null;
        }

        uint deviceType = registers.DeviceType;
        if (deviceType > ushort.MaxValue)
        {
            failure = new Failure("has a device of no known type");
            return null;
        }

        return deviceType == DeviceTypes.None
            ? null
            : new MmioTransport(machine, (ushort)deviceType, address, window, line);
    }

    /// <inheritdoc/>
    public override uint ReadDeviceFeatures(uint word) => _registers.ReadDeviceFeatures(word);

    /// <inheritdoc/>
    public override void WriteDriverFeatures(uint word, uint features) =>
        _registers.WriteDriverFeatures(word, features);

    /// <inheritdoc/>
    public override byte ReadConfiguration8(uint offset) => _window.Read8(PlaceOf(offset));

    /// <inheritdoc/>
    public override ushort ReadConfiguration16(uint offset) => _window.Read16(PlaceOf(offset));

    /// <inheritdoc/>
    public override uint ReadConfiguration32(uint offset) => _window.Read32(PlaceOf(offset));

    /// <inheritdoc/>
    public override void WriteConfiguration8(uint offset, byte value) => _window.Write8(PlaceOf(offset), value);

    /// <inheritdoc/>
    public override void WriteConfiguration16(uint offset, ushort value) => _window.Write16(PlaceOf(offset), value);

    /// <inheritdoc/>
    public override void WriteConfiguration32(uint offset, uint value) => _window.Write32(PlaceOf(offset), value);

    /// <inheritdoc/>
    public override int ReadMaximumQueueSize(ushort queueIndex)
    {
        uint size = _registers.ReadMaximumQueueSize(queueIndex);
        return size > int.MaxValue ? int.MaxValue : (int)size;
    }

    /// <inheritdoc/>
    /// <remarks>The register of the size is for writing only.</remarks>
    public override int ProposeQueueSize(ushort queueIndex, int size) => size;

    /// <inheritdoc/>
    public override Failure? ConnectInterrupts(string deviceName, string[] queueNames, DeviceEventSink sink)
    {
        _line = Machine.Interrupts.AttachEdgeLine(
            _lineNumber, deviceName, new MmioLineHandler(_registers, sink, queueNames.Length));
        return _line == null
            ? new Failure("cannot have interrupt line " + DecimalText.Of(_lineNumber))
            : null;
    }

    /// <inheritdoc/>
    public override int VectorOf(ushort queueIndex) => -1;

    /// <inheritdoc/>
    public override string DescribeNotification(ushort queueIndex) =>
        "0x" + Hexadecimal.Format(_address + MmioRegisters.NotificationOffset) + " (one place for all queues)";

    /// <inheritdoc/>
    public override Failure? EnableQueue(Virtqueue queue)
    {
        if (_registers.IsQueueReady(queue.Index))
        {
            return new Failure("has a queue in use before the driver made it ready");
        }

        if (queue.Size > _registers.ReadMaximumQueueSize(queue.Index))
        {
            return new Failure("does not take the size of a queue");
        }

        _queuesMadeReady = Math.Max(_queuesMadeReady, queue.Index + 1);
        queue.Notifier = _registers.NotifierOf(queue.Index, (Features & Features.NotificationData) != 0);
        return _registers.TryEnableQueue(queue) ? null : new Failure("does not make a queue ready");
    }

    /// <inheritdoc/>
    public override bool ResetQueue(ushort queueIndex)
    {
        if ((Features & Features.RingReset) == 0)
        {
            return false;
        }

        _registers.BeginQueueReset(queueIndex);
        Deadline deadline = new Deadline(Machine.Clock, ResetDeadline);
        while (_registers.IsQueueResetting(queueIndex))
        {
            if (!deadline.TryWait())
            {
                return false;
            }
        }

        // QEMU 7.2 offers RING_RESET here without having the register: 0 is read there, and the queue stays ready.
        return !_registers.IsQueueReady(queueIndex);
    }

    /// <inheritdoc/>
    public override bool TryFindSharedMemory(byte id, out SharedMemoryRegion region)
    {
        _registers.ReadSharedMemory(id, out ulong address, out ulong length);
        bool isThere = length != Nowhere && address != Nowhere && length != 0
            && length - 1 <= ulong.MaxValue - address;
        region = isThere ? new SharedMemoryRegion(id, address, length) : default;
        return isThere;
    }

    /// <inheritdoc/>
    /// <remarks>The registers always answer.</remarks>
    public override void Open()
    {
    }

    /// <inheritdoc/>
    /// <remarks>There is no way to keep a device over MMIO from memory but its reset.</remarks>
    public override void Close()
    {
        _line?.Release();
        _line = null;
    }

    /// <inheritdoc/>
    private protected override bool LeavesQueuesEnabled()
    {
        for (int index = 0; index < _queuesMadeReady; index++)
        {
            if (_registers.IsQueueReady((ushort)index))
            {
                return true;
            }
        }

        return false;
    }

    // An offset that is too large must not come round to the registers: at the end, every access throws.
    private uint PlaceOf(uint offset) => MmioRegisters.Length + Math.Min(offset, ConfigurationLength);
}
