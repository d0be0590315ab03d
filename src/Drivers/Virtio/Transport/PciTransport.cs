using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>Virtio over PCI, without the legacy interface (virtio 1.4, 4.1).</summary>
public sealed class PciTransport : VirtioTransport
{
    /// <summary>How many queues of a device can be used.</summary>
    public const int MaximumQueues = 64;

    /// <summary>Structures are mapped up to this size; what devices append for later drivers is left out.</summary>
    private const uint MaximumMapping = 4096;

    private const uint NotificationSize = 2;

    private readonly PciFunction _function;
    private readonly PciCommonConfiguration _common;
    private readonly MmioRegion? _deviceConfiguration;
    private readonly PciStructure _notification;
    private readonly PciInterrupts _interrupts;
    private readonly MmioRegion?[] _notify = new MmioRegion?[MaximumQueues];

    private PciTransport(
        Machine machine,
        PciFunction function,
        ushort deviceType,
        PciCommonConfiguration common,
        PciStructure notification,
        MmioRegion? isrStatus,
        MmioRegion? deviceConfiguration)
        : base(machine, deviceType, function.Address.ToString())
    {
        _function = function;
        _common = common;
        _notification = notification;
        _deviceConfiguration = deviceConfiguration;
        _interrupts = new PciInterrupts(machine, function, common, isrStatus);
    }

    /// <inheritdoc/>
    public override string Kind => "virtio-pci";

    /// <inheritdoc/>
    public override string InterruptKind => _interrupts.Kind;

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

    /// <summary>
    /// Finds a device's structures and maps them; nothing of the device is changed.
    /// </summary>
    /// <param name="machine">The machine.</param>
    /// <param name="function">A function that <see cref="PciIdentity.TryIdentify"/> recognised.</param>
    /// <param name="failure">
    /// Why there is no transport, as the end of a sentence that starts with the device; empty if there is one.
    /// </param>
    public static PciTransport? TryCreate(Machine machine, PciFunction function, out string failure)
    {
        failure = string.Empty;
        if (!PciIdentity.TryIdentify(function, out ushort deviceType))
        {
            failure = "is no virtio device";
            return null;
        }

        PciStructure[] structures = PciStructure.ReadAll(function);
        if (structures.Length == 0)
        {
            failure = "offers the legacy interface only";
            return null;
        }

        MmioRegion? common = MapFirst(
            machine, function, structures, PciStructureKind.CommonConfiguration, 4, PciCommonConfiguration.Length);
        PciStructure? notification = FindNotification(function, structures);
        if (common == null || notification == null)
        {
            failure = common == null
                ? "has no common configuration structure within its base addresses"
                : "has no notification structure within its base addresses";
            return null;
        }

        return new PciTransport(
            machine,
            function,
            deviceType,
            new PciCommonConfiguration(common),
            notification,
            MapFirst(machine, function, structures, PciStructureKind.IsrStatus, 1, 1),
            MapFirst(machine, function, structures, PciStructureKind.DeviceConfiguration, 4, 1));
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
    public override int ReadMaximumQueueSize(ushort queueIndex) => _common.ReadQueueSize(queueIndex);

    /// <inheritdoc/>
    public override string? ConnectInterrupts(string deviceName, string[] queueNames, DeviceEventSink sink) =>
        _interrupts.Connect(deviceName, queueNames, sink);

    /// <inheritdoc/>
    public override int VectorOf(ushort queueIndex) => _interrupts.VectorOf(queueIndex);

    /// <inheritdoc/>
    public override string? EnableQueue(Virtqueue queue)
    {
        // The place is cap.offset + queue_notify_off * notify_off_multiplier; both factors are the device's word.
        ulong place = (ulong)_common.ReadQueueNotifyOffset(queue.Index) * _notification.NotifyOffsetMultiplier;
        ulong length = _notification.Length;
        bool isInside = length >= NotificationSize && place <= length - NotificationSize
            && ((_notification.Offset + place) & 1) == 0;
        MmioRegion? notify = isInside && queue.Index < MaximumQueues
            ? _function.Map(Machine, _notification.Bar, _notification.Offset + place, NotificationSize)
            : null;
        if (notify == null)
        {
            return "places a queue's notifications outside the notification structure";
        }

        _notify[queue.Index] = notify;
        return _common.TryEnableQueue(queue) ? null : "does not take the size of a queue";
    }

    /// <inheritdoc/>
    /// <remarks>One 16-bit write of the virtqueue index (virtio 1.4, 4.1.5.2.1).</remarks>
    public override void Notify(ushort queueIndex) => _notify[queueIndex]!.Write16(0, queueIndex);

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

    private static MmioRegion? MapFirst(
        Machine machine,
        PciFunction function,
        PciStructure[] structures,
        PciStructureKind kind,
        uint alignment,
        uint minimumLength)
    {
        foreach (PciStructure structure in structures)
        {
            bool isUsable = structure.Kind == kind && structure.Length >= minimumLength
                && (structure.Offset & (alignment - 1)) == 0;
            ulong length = structure.Length < MaximumMapping ? structure.Length : MaximumMapping;
            MmioRegion? region = isUsable ? function.Map(machine, structure.Bar, structure.Offset, length) : null;
            if (region != null)
            {
                return region;
            }
        }

        return null;
    }

    private static PciStructure? FindNotification(PciFunction function, PciStructure[] structures)
    {
        foreach (PciStructure structure in structures)
        {
            // Only the places that queues turn out to have are mapped, and checked then.
            BaseAddressRegister? register = function.BaseAddress(structure.Bar);
            if (structure.Kind == PciStructureKind.Notification && structure.Length >= NotificationSize
                && register != null && register.IsAssigned && structure.Offset < register.Length)
            {
                return structure;
            }
        }

        return null;
    }

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
}
