using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport.Pci;

/// <summary>Virtio over PCI, without the legacy interface (virtio 1.4, 4.1).</summary>
public sealed class PciTransport : VirtioTransport
{
    /// <summary>How many queues of a device can be used.</summary>
    public const int MaximumQueues = 64;

    /// <summary>Structures are mapped up to this size; what devices append for later drivers is left out.</summary>
    private const uint MaximumMapping = 4096;

    private const uint NotificationSize = 2;
    private const uint NotificationDataSize = 4;

    /// <summary>Bits that need fields which came to the common configuration after version 1.1.</summary>
    private const Features ExtendedFeatures = Features.NotifConfigData | Features.RingReset;

    private readonly PciFunction _function;
    private readonly PciStructureMap _structures;
    private readonly PciCommonConfiguration _common;
    private readonly MmioRegion? _deviceConfiguration;
    private readonly PciStructure _notificationStructure;
    private readonly PciInterrupts _interrupts;
    private readonly Place[] _notifications = new Place[MaximumQueues];

    private PciTransport(
        Machine machine,
        PciFunction function,
        ushort deviceType,
        PciStructureMap structures,
        MmioRegion common,
        PciStructure notification)
        : base(machine, deviceType, function.Address.ToString())
    {
        _function = function;
        _structures = structures;
        _common = new PciCommonConfiguration(common);
        _notificationStructure = notification;
        _deviceConfiguration = structures.MapFirst(PciStructureKind.DeviceConfiguration, 4, 1, MaximumMapping);
        MmioRegion? isrStatus = structures.MapFirst(PciStructureKind.IsrStatus, 1, 1, 1);
        _interrupts = new PciInterrupts(machine, function, _common, isrStatus);
    }

    /// <inheritdoc/>
    public override string Kind => _structures.UsesWindow ? "virtio-pci through configuration space" : "virtio-pci";

    /// <inheritdoc/>
    public override string Interface =>
        PciIdentity.IsTransitional(_function) ? "transitional device" : "modern device";

    /// <inheritdoc/>
    public override string InterruptKind => _interrupts.Kind;

    /// <inheritdoc/>
    public override string InterruptReason => _interrupts.Reason;

    /// <inheritdoc/>
    public override DeviceStatus Status
    {
        get => _common.Status;
        set => _common.Status = value;
    }

    /// <inheritdoc/>
    public override uint ConfigurationGeneration => _common.Generation;

    /// <inheritdoc/>
    public override uint ConfigurationLength => _deviceConfiguration == null ? 0 : _deviceConfiguration.Length;

    /// <inheritdoc/>
    public override int QueueCount => _common.QueueCount;

    /// <inheritdoc/>
    public override Features SupportedFeatures => _common.IsExtended ? (Features)ulong.MaxValue : ~ExtendedFeatures;

    /// <summary>
    /// Finds a device's structures and maps them; nothing of the device is changed.
    /// </summary>
    /// <param name="machine">The machine.</param>
    /// <param name="function">A function that <see cref="PciIdentity.TryIdentify"/> recognised.</param>
    /// <param name="failure">
    /// Why there is no transport; null if there is one.
    /// </param>
    public static PciTransport? TryCreate(Machine machine, PciFunction function, out Failure? failure)
    {
        failure = null;
        if (!PciIdentity.TryIdentify(function, out ushort deviceType))
        {
            failure = new Failure("is no virtio device");
            return null;
        }

        PciStructureMap structures = new PciStructureMap(machine, function);
        if (structures.IsEmpty)
        {
            failure = new Failure("offers the legacy interface only");
            return null;
        }

        MmioRegion? common = structures.MapFirst(
            PciStructureKind.CommonConfiguration, 4, PciCommonConfiguration.Length, MaximumMapping);
        PciStructure? notification = structures.FindNotification(NotificationSize);
        if (common == null || notification == null)
        {
            failure = new Failure(common == null
                ? "has no common configuration structure within its base addresses"
                : "has no notification structure within its base addresses");
            return null;
        }

        return new PciTransport(machine, function, deviceType, structures, common, notification);
    }

    /// <inheritdoc/>
    public override uint ReadDeviceFeatures(uint word) => _common.ReadDeviceFeatures(word);

    /// <inheritdoc/>
    public override void WriteDriverFeatures(uint word, uint features) => _common.WriteDriverFeatures(word, features);

    /// <inheritdoc/>
    public override byte ReadConfiguration8(uint offset) =>
        _deviceConfiguration == null ? (byte)0 : _deviceConfiguration.Read8(offset);

    /// <inheritdoc/>
    public override ushort ReadConfiguration16(uint offset) =>
        _deviceConfiguration == null ? (ushort)0 : _deviceConfiguration.Read16(offset);

    /// <inheritdoc/>
    public override uint ReadConfiguration32(uint offset) =>
        _deviceConfiguration == null ? 0 : _deviceConfiguration.Read32(offset);

    /// <inheritdoc/>
    public override void WriteConfiguration8(uint offset, byte value) => _deviceConfiguration?.Write8(offset, value);

    /// <inheritdoc/>
    public override void WriteConfiguration16(uint offset, ushort value) =>
        _deviceConfiguration?.Write16(offset, value);

    /// <inheritdoc/>
    public override void WriteConfiguration32(uint offset, uint value) => _deviceConfiguration?.Write32(offset, value);

    /// <inheritdoc/>
    public override int ReadMaximumQueueSize(ushort queueIndex) => _common.ReadQueueSize(queueIndex);

    /// <inheritdoc/>
    public override int ProposeQueueSize(ushort queueIndex, int size) =>
        _common.ProposeQueueSize(queueIndex, (ushort)size);

    /// <inheritdoc/>
    public override Failure? ConnectInterrupts(string deviceName, string[] queueNames, DeviceEventSink sink) =>
        _interrupts.Connect(deviceName, queueNames, sink);

    /// <inheritdoc/>
    public override int VectorOf(ushort queueIndex) => _interrupts.VectorOf(queueIndex);

    /// <inheritdoc/>
    public override MessageInterrupt? QueueInterrupt(ushort queueIndex) => _interrupts.QueueInterrupt(queueIndex);

    /// <inheritdoc/>
    public override string DescribeNotification(ushort queueIndex)
    {
        BaseAddressRegister? register = _function.BaseAddress(_notificationStructure.Bar);
        if (register == null || queueIndex >= MaximumQueues || !_notifications[queueIndex].IsThere)
        {
            return string.Empty;
        }

        ulong offset = _notificationStructure.Offset + _notifications[queueIndex].Offset;
        uint stride = _notificationStructure.NotifyOffsetMultiplier;
        string place = !register.IsAssigned
            ? "base address " + DecimalText.Of((ulong)register.Index)
                + " + 0x" + Hexadecimal.Format(offset)
            : (register.IsIo ? "port 0x" : "0x") + Hexadecimal.Format(register.Address + offset);
        return place + (stride == 0
            ? " (one place for all queues)"
            : " (" + DecimalText.Of(stride) + " bytes per queue)");
    }

    /// <inheritdoc/>
    public override Failure? EnableQueue(Virtqueue queue)
    {
        // The place is cap.offset + queue_notify_off * notify_off_multiplier; both factors are the device's word.
        ulong place = (ulong)_common.ReadQueueNotifyOffset(queue.Index) * _notificationStructure.NotifyOffsetMultiplier;
        ulong length = _notificationStructure.Length;
        bool hasData = Has(Features.NotificationData);
        uint size = hasData ? NotificationDataSize : NotificationSize;
        bool isInside = length >= size && place <= length - size
            && ((_notificationStructure.Offset + place) & (size - 1)) == 0;
        MmioRegion? notify = isInside && queue.Index < MaximumQueues
            ? _structures.Map(_notificationStructure, place, size)
            : null;
        if (notify == null)
        {
            return new Failure("places a queue's notifications outside the notification structure");
        }

        if (_common.IsQueueEnabled(queue.Index))
        {
            return new Failure("has a queue in use before the driver enabled it");
        }

        if (!_interrupts.TryKeepVector(queue.Index))
        {
            return new Failure("does not map a queue to its vector again");
        }

        // What is written is the virtqueue index, or what the device calls the queue (virtio 1.4, 4.1.5.2.1).
        ushort value = Has(Features.NotifConfigData)
            ? _common.ReadQueueNotificationData(queue.Index)
            : queue.Index;
        _notifications[queue.Index] = new Place(place);
        queue.Notifier = hasData
            ? QueueNotifier.OfDoubleword(notify, 0, value, hasPlace: true)
            : QueueNotifier.OfWord(notify, value);
        return _common.TryEnableQueue(queue) ? null : new Failure("does not take the size of a queue");
    }

    /// <inheritdoc/>
    public override bool ResetQueue(ushort queueIndex)
    {
        if (!Has(Features.RingReset))
        {
            return false;
        }

        _common.BeginQueueReset(queueIndex);
        Deadline deadline = new Deadline(Machine.Clock, ResetDeadline);
        while (_common.IsQueueResetting(queueIndex))
        {
            if (!deadline.TryWait())
            {
                return false;
            }
        }

        // A device that does not know the field reads 0 there, and leaves the queue enabled.
        return !_common.IsQueueEnabled(queueIndex);
    }

    /// <inheritdoc/>
    public override bool TryFindSharedMemory(byte id, out SharedMemoryRegion region) =>
        _structures.TryFindSharedMemory(id, out region);

    /// <inheritdoc/>
    public override void Open()
    {
        _function.MemoryDecode = true;
        if (HasPorts())
        {
            _function.IoDecode = true;
        }

        _function.BusMaster = true;
    }

    /// <inheritdoc/>
    public override void Close()
    {
        _function.BusMaster = false;
        _interrupts.Disconnect();
    }

    /// <inheritdoc/>
    private protected override bool LeavesQueuesEnabled()
    {
        for (int index = 0; index < MaximumQueues; index++)
        {
            if (_notifications[index].IsThere && _common.IsQueueEnabled((ushort)index))
            {
                return true;
            }
        }

        return false;
    }

    private bool Has(Features feature) => (Features & feature) != 0;

    private bool HasPorts()
    {
        foreach (BaseAddressRegister register in _function.BaseAddresses)
        {
            if (register.IsIo && register.IsAssigned)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Where a queue's notifications go; not there before the queue was enabled.</summary>
    private readonly struct Place
    {
        internal Place(ulong offset)
        {
            Offset = offset;
            IsThere = true;
        }

        /// <summary>Where the register is in the notification structure.</summary>
        internal ulong Offset { get; }

        /// <summary>Whether there is one.</summary>
        internal bool IsThere { get; }
    }
}

/// <summary>How a virtio device is recognised on PCI (virtio 1.4, 4.1.2).</summary>
public static class PciIdentity
{
    private const ushort VirtioVendor = 0x1AF4;
    private const ushort FirstTransitional = 0x1000;
    private const ushort FirstModern = 0x1040;
    private const ushort Last = 0x107F;

    /// <summary>Whether a function is a virtio device.</summary>
    /// <param name="function">Any function.</param>
    /// <param name="deviceType">
    /// The virtio device ID: one of <see cref="DeviceTypes"/>, or one that those do not name; 0 for a transitional
    /// device ID that no type has.
    /// </param>
    public static bool TryIdentify(PciFunction function, out ushort deviceType)
    {
        ushort id = function.DeviceId;
        deviceType = DeviceTypes.None;
        if (function.VendorId != VirtioVendor || id < FirstTransitional || id > Last)
        {
            return false;
        }

        deviceType = id >= FirstModern ? (ushort)(id - FirstModern) : TypeOfTransitional(id);
        return true;
    }

    /// <summary>Whether a virtio device also has the legacy interface (virtio 1.4, 4.1.2.1).</summary>
    public static bool IsTransitional(PciFunction function) => function.DeviceId < FirstModern;

    private static ushort TypeOfTransitional(ushort deviceId) => deviceId switch
    {
        0x1000 => DeviceTypes.Network,
        0x1001 => DeviceTypes.Block,
        0x1002 => 5,
        0x1003 => 3,
        0x1004 => 8,
        0x1005 => 4,
        0x1009 => 9,
        _ => DeviceTypes.None,
    };
}
