namespace VirtioGuest.Devices.Pci;

/// <summary>The common configuration structure (virtio 1.4, 4.1.4.3).</summary>
/// <remarks>Every field has one offset and one width; a 64-bit field is two of 32 bits, in any order.</remarks>
internal sealed class PciCommonRegisters
{
    private const uint QueueAddresses = 0x20;
    private const uint QueueAddressesEnd = 0x38;

    private readonly PciDeviceFunction _function;
    private readonly VirtioDeviceModel _model;
    private uint _deviceFeatureSelect;
    private uint _driverFeatureSelect;
    private ushort _queueSelect;

    public PciCommonRegisters(PciDeviceFunction function)
    {
        _function = function;
        _model = function.Model;
    }

    private ModelQueue? Selected => _model.FindQueue(_queueSelect);

    public void Reset()
    {
        _deviceFeatureSelect = 0;
        _driverFeatureSelect = 0;
        _queueSelect = 0;
    }

    public uint Read(uint offset, int width)
    {
        ModelQueue? queue = Selected;
        return (offset, width) switch
        {
            (0x00, 4) => _deviceFeatureSelect,
            (0x04, 4) => _model.ReadOfferedFeatures(_deviceFeatureSelect),
            (0x08, 4) => _driverFeatureSelect,
            (0x0C, 4) => _model.ReadDriverFeatures(_driverFeatureSelect),
            (0x10, 2) => _function.ConfigurationVector,
            (0x12, 2) => (uint)_model.Queues.Length,
            (0x14, 1) => _model.ReadStatus(),
            (0x15, 1) => _model.ReadGeneration(),
            (0x16, 2) => _queueSelect,
            (0x18, 2) => queue == null ? 0u : _model.SizeOf(queue),
            (0x1A, 2) => queue?.Vector ?? ModelQueue.NoVector,
            (0x1C, 2) => queue is { IsEnabled: true } ? 1u : 0,
            (0x1E, 2) => queue?.NotifyOffset ?? 0u,
            _ when IsAddress(offset, width) => ReadAddress(queue, offset),
            (0x38, 2) when Has(FeatureBit.NotificationConfigurationData) =>
                queue?.NotificationConfigurationData ?? 0u,
            (0x3A, 2) when Has(FeatureBit.RingReset) =>
                queue == null || VirtioDeviceModel.LooksReset(queue) ? 0u : 1,
            _ => Refuse(offset, width),
        };
    }

    public void Write(uint offset, int width, uint value)
    {
        switch (offset, width)
        {
            case (0x00, 4):
                _deviceFeatureSelect = value;
                break;
            case (0x08, 4):
                _driverFeatureSelect = value;
                break;
            case (0x0C, 4):
                _model.WriteDriverFeatures(_driverFeatureSelect, value);
                break;
            case (0x10, 2):
                _model.OnRegisterWrite?.Invoke($"config_msix_vector={value:x}");
                _function.ConfigurationVector = _function.Map(value);
                break;
            case (0x14, 1):
                _model.WriteStatus((byte)value);
                break;
            case (0x16, 2):
                _queueSelect = (ushort)value;
                break;
            default:
                WriteQueue(offset, width, value);
                break;
        }
    }

    private void WriteQueue(uint offset, int width, uint value)
    {
        bool isAddress = IsAddress(offset, width);
        bool isField = width == 2 && offset is 0x18 or 0x1A or 0x1C or 0x3A;
        if (!isAddress && !isField)
        {
            Refuse(offset, width);
        }
        else if (Selected is not ModelQueue queue)
        {
            _model.Report(DriverRule.QueueAbsent, $"queue {_queueSelect} was written at {offset:x}");
        }
        else if (isAddress)
        {
            _model.SetQueueArea(queue, (offset - QueueAddresses) / 8, (offset & 4) != 0, value);
        }
        else
        {
            WriteField(queue, offset, value);
        }
    }

    private void WriteField(ModelQueue queue, uint offset, uint value)
    {
        switch (offset)
        {
            case 0x18:
                _model.SetQueueSize(queue, value);
                break;
            case 0x1A:
                _model.OnRegisterWrite?.Invoke($"queue_msix_vector[{queue.Index}]={value:x}");
                queue.Vector = _function.Map(value);
                break;
            case 0x1C when value == 1:
                _model.EnableQueue(queue);
                break;
            case 0x1C:
                _model.Report(DriverRule.QueueEnabled, $"{value} was written to queue_enable of queue {queue.Index}");
                break;
            default:
                if (value == 1)
                {
                    _model.ResetQueue(queue);
                }

                break;
        }
    }

    private static bool IsAddress(uint offset, int width) =>
        offset is >= QueueAddresses and < QueueAddressesEnd && offset % 4 == 0 && width == 4;

    private static uint ReadAddress(ModelQueue? queue, uint offset) =>
        (queue?.Areas ?? default).Half((offset - QueueAddresses) / 8, (offset & 4) != 0);

    private bool Has(ulong feature) => (_model.DriverFeatures & feature) != 0;

    private uint Refuse(uint offset, int width)
    {
        _model.Report(DriverRule.RegisterAccess, $"common configuration has no {width} bytes at {offset:x} for that");
        return 0;
    }
}
