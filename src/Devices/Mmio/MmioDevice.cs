using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Mmio;

/// <summary>A virtio device as a block of registers in memory, version 2 (virtio 1.4, 4.2).</summary>
public sealed class MmioDevice : DeviceTransport
{
    private const uint Magic = 0x74726976;
    private const uint QueueInterrupt = 1;
    private const uint ConfigurationInterrupt = 2;

    private readonly InterruptOutput _output;
    private readonly ulong _sharedMemoryBase;
    private bool _hasSelectedFeatures;
    private uint _deviceFeatureSelect;
    private uint _driverFeatureSelect;
    private uint _queueSelect;
    private uint _sharedMemorySelect;
    private uint _interruptStatus;

    /// <summary>Gives a device its registers.</summary>
    /// <param name="model">The device, with its features and shared memory set.</param>
    /// <param name="output">Where its interrupts go: by line only.</param>
    /// <param name="sharedMemoryBase">
    /// Where its shared memory regions are on the bus, one after another from page to page.
    /// </param>
    public MmioDevice(VirtioDeviceModel model, InterruptOutput output, ulong sharedMemoryBase = 0)
        : base(model)
    {
        _output = output;
        _sharedMemoryBase = sharedMemoryBase;
        Registers = new Block(this, MmioRegister.Configuration + (uint)model.ConfigurationLength);
    }

    /// <summary>The register block; 0x100 bytes and the configuration.</summary>
    public MmioRegion Registers { get; }

    /// <summary>The vendor's ID.</summary>
    public uint VendorId { get; init; } = 0x1AF4;

    /// <summary>Why the line is asserted; 0 while it is not.</summary>
    public uint InterruptStatus => _interruptStatus;

    /// <inheritdoc/>
    public override bool CanAccessMemory => true;

    /// <summary>Queues are told by their index here.</summary>
    internal override ulong UnsupportedFeatures => FeatureBit.NotificationConfigurationData;

    private ModelQueue? Selected => Model.FindQueue(_queueSelect);

    internal override void NotifyUsed(ModelQueue queue) => SetInterrupts(_interruptStatus | QueueInterrupt);

    internal override void NotifyConfiguration() => SetInterrupts(_interruptStatus | ConfigurationInterrupt);

    internal override void OnReset()
    {
        _deviceFeatureSelect = 0;
        _driverFeatureSelect = 0;
        _queueSelect = 0;
        _sharedMemorySelect = 0;
        SetInterrupts(0);
    }

    private void SetInterrupts(uint status)
    {
        bool wasAsserted = _interruptStatus != 0;
        _interruptStatus = status;
        if (wasAsserted != (status != 0))
        {
            _output.SetLine(status != 0);
        }
    }

    private uint Read(uint offset, int width)
    {
        if (offset >= MmioRegister.Configuration)
        {
            return Model.ReadConfiguration(offset - MmioRegister.Configuration, width);
        }

        if (width != 4)
        {
            return Refuse("read", offset, width);
        }

        switch (offset)
        {
            case MmioRegister.MagicValue:
                return Magic;
            case MmioRegister.Version:
                return 2;
            case MmioRegister.DeviceId:
                return Model.DeviceType;
            case MmioRegister.VendorId:
                return VendorId;
            case MmioRegister.DeviceFeatures when !_hasSelectedFeatures:
                return Refuse("read without a selection", offset, width);
            case MmioRegister.DeviceFeatures:
                return Model.ReadOfferedFeatures(_deviceFeatureSelect);
            case MmioRegister.QueueSizeMaximum:
                return Selected is ModelQueue queue ? Model.LargestSizeOf(queue) : 0u;
            case MmioRegister.QueueReady:
                return Selected is { IsEnabled: true } ? 1u : 0;
            case MmioRegister.InterruptStatus:
                return _interruptStatus;
            case MmioRegister.Status:
                return Model.ReadStatus();
            case MmioRegister.QueueReset when (Model.DriverFeatures & FeatureBit.RingReset) != 0:
                return Selected is ModelQueue reset && !VirtioDeviceModel.LooksReset(reset) ? 1u : 0;
            case MmioRegister.ConfigurationGeneration:
                return Model.ReadGeneration();
            case >= MmioRegister.SharedMemoryLengthLow and <= MmioRegister.SharedMemoryBaseHigh:
                return ReadSharedMemory(offset);
            default:
                return Refuse("read", offset, width);
        }
    }

    private void Write(uint offset, int width, uint value)
    {
        if (offset >= MmioRegister.Configuration)
        {
            Model.WriteConfiguration(offset - MmioRegister.Configuration, width, value);
            return;
        }

        if (width != 4)
        {
            Refuse("written", offset, width);
            return;
        }

        switch (offset)
        {
            case MmioRegister.DeviceFeaturesSelect:
                _deviceFeatureSelect = value;
                _hasSelectedFeatures = true;
                break;
            case MmioRegister.DriverFeatures:
                Model.WriteDriverFeatures(_driverFeatureSelect, value);
                break;
            case MmioRegister.DriverFeaturesSelect:
                _driverFeatureSelect = value;
                break;
            case MmioRegister.QueueSelect:
                _queueSelect = value;
                break;
            case MmioRegister.QueueNotify:
                ReceiveNotification(value);
                break;
            case MmioRegister.InterruptAcknowledge:
                if ((value & ~(QueueInterrupt | ConfigurationInterrupt)) != 0)
                {
                    Refuse("written with undefined events", offset, width);
                }

                SetInterrupts(_interruptStatus & ~value);
                break;
            case MmioRegister.Status:
                Model.WriteStatus((byte)value);
                break;
            case MmioRegister.SharedMemorySelect:
                _sharedMemorySelect = value;
                break;
            default:
                WriteQueue(offset, value);
                break;
        }
    }

    private void WriteQueue(uint offset, uint value)
    {
        ModelQueue? queue = Selected;
        bool isArea = offset is >= MmioRegister.QueueDescriptorLow and <= MmioRegister.QueueDeviceHigh
            && offset % 16 <= 4;
        bool isField = offset is MmioRegister.QueueSize or MmioRegister.QueueReady or MmioRegister.QueueReset;
        if (!isArea && !isField)
        {
            Refuse("written", offset, 4);
        }
        else if (queue == null)
        {
            Model.Report(DriverRule.QueueAbsent, $"queue {_queueSelect} was written at {offset:x}");
        }
        else if (offset == MmioRegister.QueueSize)
        {
            Model.SetQueueSize(queue, value);
        }
        else if (isArea)
        {
            Model.SetQueueArea(
                queue, (offset - MmioRegister.QueueDescriptorLow) / 16, (offset & 4) != 0, value);
        }
        else if (offset == MmioRegister.QueueReset)
        {
            if (value == 1)
            {
                Model.ResetQueue(queue);
            }
        }
        else if (value != 0)
        {
            Model.EnableQueue(queue);
        }
        else
        {
            Model.StopQueue(queue);
        }
    }

    private void ReceiveNotification(uint value)
    {
        bool hasData = (Model.DriverFeatures & FeatureBit.NotificationData) != 0;
        QueueNotification notification = hasData
            ? QueueNotification.FromData(value)
            : new QueueNotification((ushort)value, null);
        ModelQueue? queue = hasData || value <= ushort.MaxValue ? Model.FindQueue(notification.Identifier) : null;
        if (queue == null)
        {
            Model.Report(DriverRule.NotificationForm, $"{value:x} was written to QueueNotify");
            return;
        }

        Model.Notify(queue, notification);
    }

    private uint ReadSharedMemory(uint offset)
    {
        ulong start = _sharedMemoryBase;
        ulong length = ulong.MaxValue;
        ulong address = ulong.MaxValue;
        foreach (SharedMemoryRegion region in Model.SharedMemory)
        {
            if (region.Id == _sharedMemorySelect)
            {
                length = (ulong)region.Bytes.Length;
                address = start;
            }

            start += ((ulong)region.Bytes.Length + 0xFFF) & ~0xFFFUL;
        }

        return offset switch
        {
            MmioRegister.SharedMemoryLengthLow => (uint)length,
            MmioRegister.SharedMemoryLengthHigh => (uint)(length >> 32),
            MmioRegister.SharedMemoryBaseLow => (uint)address,
            MmioRegister.SharedMemoryBaseHigh => (uint)(address >> 32),
            _ => Refuse("read", offset, 4),
        };
    }

    private uint Refuse(string what, uint offset, int width)
    {
        Model.Report(DriverRule.RegisterAccess, $"{width} bytes at {offset:x} were {what}");
        return 0;
    }

    private sealed class Block : RegisterWindow
    {
        private readonly MmioDevice _device;

        public Block(MmioDevice device, uint length)
            : base(length)
        {
            _device = device;
        }

        protected override uint Read(uint offset, int width) => _device.Read(offset, width);

        protected override void Write(uint offset, int width, uint value) => _device.Write(offset, width, value);
    }
}

/// <summary>Offsets of the virtio-mmio register block (virtio 1.4, 4.2.2).</summary>
internal static class MmioRegister
{
    public const uint MagicValue = 0x000;
    public const uint Version = 0x004;
    public const uint DeviceId = 0x008;
    public const uint VendorId = 0x00C;
    public const uint DeviceFeatures = 0x010;
    public const uint DeviceFeaturesSelect = 0x014;
    public const uint DriverFeatures = 0x020;
    public const uint DriverFeaturesSelect = 0x024;
    public const uint QueueSelect = 0x030;
    public const uint QueueSizeMaximum = 0x034;
    public const uint QueueSize = 0x038;
    public const uint QueueReady = 0x044;
    public const uint QueueNotify = 0x050;
    public const uint InterruptStatus = 0x060;
    public const uint InterruptAcknowledge = 0x064;
    public const uint Status = 0x070;
    public const uint QueueDescriptorLow = 0x080;
    public const uint QueueDescriptorHigh = 0x084;
    public const uint QueueDriverLow = 0x090;
    public const uint QueueDriverHigh = 0x094;
    public const uint QueueDeviceLow = 0x0A0;
    public const uint QueueDeviceHigh = 0x0A4;
    public const uint SharedMemorySelect = 0x0AC;
    public const uint SharedMemoryLengthLow = 0x0B0;
    public const uint SharedMemoryLengthHigh = 0x0B4;
    public const uint SharedMemoryBaseLow = 0x0B8;
    public const uint SharedMemoryBaseHigh = 0x0BC;
    public const uint QueueReset = 0x0C0;
    public const uint ConfigurationGeneration = 0x0FC;
    public const uint Configuration = 0x100;
}
