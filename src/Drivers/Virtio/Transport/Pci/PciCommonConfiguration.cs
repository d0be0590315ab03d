using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Transport.Pci;

/// <summary>The common configuration structure (virtio 1.4, 4.1.4.3).</summary>
/// <remarks>
/// Each field is accessed at its own offset and width and no other, which is all that minimal devices understand; a
/// 64-bit field is two 32-bit accesses, low first (virtio 1.4, 4.1.3.1).
/// </remarks>
internal sealed class PciCommonConfiguration
{
    /// <summary>How many bytes the structure has at least.</summary>
    internal const uint Length = 0x38;

    /// <summary>How many it has for <see cref="ReadQueueNotificationData"/> and for resetting queues.</summary>
    internal const uint ExtendedLength = 0x3C;

    /// <summary>The vector that means none (virtio 1.4, 4.1.5.1.2).</summary>
    internal const ushort NoVector = 0xFFFF;

    private const uint DeviceFeatureSelect = 0x00;
    private const uint DeviceFeature = 0x04;
    private const uint DriverFeatureSelect = 0x08;
    private const uint DriverFeature = 0x0C;
    private const uint ConfigMsixVector = 0x10;
    private const uint NumQueues = 0x12;
    private const uint StatusOffset = 0x14;
    private const uint ConfigGeneration = 0x15;
    private const uint QueueSelect = 0x16;
    private const uint QueueSize = 0x18;
    private const uint QueueMsixVector = 0x1A;
    private const uint QueueEnable = 0x1C;
    private const uint QueueNotifyOff = 0x1E;
    private const uint QueueDesc = 0x20;
    private const uint QueueDriver = 0x28;
    private const uint QueueDevice = 0x30;
    private const uint QueueNotifConfigData = 0x38;
    private const uint QueueReset = 0x3A;

    private readonly MmioRegion _registers;

    /// <summary>Covers the structure's registers.</summary>
    internal PciCommonConfiguration(MmioRegion registers)
    {
        _registers = registers;
    }

    /// <summary><c>device_status</c>.</summary>
    internal DeviceStatus Status
    {
        get => (DeviceStatus)_registers.Read8(StatusOffset);
        set => _registers.Write8(StatusOffset, (byte)value);
    }

    /// <summary>Whether the structure reaches to the fields that came after version 1.1.</summary>
    internal bool IsExtended => _registers.Length >= ExtendedLength;

    /// <summary><c>config_generation</c>.</summary>
    internal byte Generation => _registers.Read8(ConfigGeneration);

    /// <summary><c>num_queues</c>.</summary>
    internal ushort QueueCount => _registers.Read16(NumQueues);

    /// <summary>Reads a word of <c>device_feature</c>.</summary>
    internal uint ReadDeviceFeatures(uint word)
    {
        _registers.Write32(DeviceFeatureSelect, word);
        return _registers.Read32(DeviceFeature);
    }

    /// <summary>Writes a word of <c>driver_feature</c>.</summary>
    internal void WriteDriverFeatures(uint word, uint features)
    {
        _registers.Write32(DriverFeatureSelect, word);
        _registers.Write32(DriverFeature, features);
    }

    /// <summary>Reads <c>queue_size</c> of a queue.</summary>
    internal ushort ReadQueueSize(ushort queueIndex)
    {
        _registers.Write16(QueueSelect, queueIndex);
        return _registers.Read16(QueueSize);
    }

    /// <summary>Writes <c>queue_size</c> of a queue and reads what became of it.</summary>
    internal ushort ProposeQueueSize(ushort queueIndex, ushort size)
    {
        _registers.Write16(QueueSelect, queueIndex);
        _registers.Write16(QueueSize, size);
        return _registers.Read16(QueueSize);
    }

    /// <summary>Maps configuration changes to a vector.</summary>
    /// <returns>Whether the device took it; it reads back no vector if not.</returns>
    internal bool TrySetConfigurationVector(ushort vector)
    {
        _registers.Write16(ConfigMsixVector, vector);
        return _registers.Read16(ConfigMsixVector) == vector;
    }

    /// <summary>Reads <c>queue_msix_vector</c> of a queue.</summary>
    internal ushort ReadQueueVector(ushort queueIndex)
    {
        _registers.Write16(QueueSelect, queueIndex);
        return _registers.Read16(QueueMsixVector);
    }

    /// <summary>Maps a queue to a vector.</summary>
    /// <returns>Whether the device took it; it reads back no vector if not.</returns>
    internal bool TrySetQueueVector(ushort queueIndex, ushort vector)
    {
        _registers.Write16(QueueSelect, queueIndex);
        _registers.Write16(QueueMsixVector, vector);
        return _registers.Read16(QueueMsixVector) == vector;
    }

    /// <summary>Reads <c>queue_notify_off</c> of a queue.</summary>
    internal ushort ReadQueueNotifyOffset(ushort queueIndex)
    {
        _registers.Write16(QueueSelect, queueIndex);
        return _registers.Read16(QueueNotifyOff);
    }

    /// <summary>
    /// Reads <c>queue_notif_config_data</c> of a queue. Only where NOTIF_CONFIG_DATA was negotiated.
    /// </summary>
    internal ushort ReadQueueNotificationData(ushort queueIndex)
    {
        _registers.Write16(QueueSelect, queueIndex);
        return _registers.Read16(QueueNotifConfigData);
    }

    /// <summary>Begins the reset of a queue. Only where RING_RESET was negotiated.</summary>
    internal void BeginQueueReset(ushort queueIndex)
    {
        _registers.Write16(QueueSelect, queueIndex);
        _registers.Write16(QueueReset, 1);
    }

    /// <summary>Whether a queue's reset goes on.</summary>
    internal bool IsQueueResetting(ushort queueIndex)
    {
        _registers.Write16(QueueSelect, queueIndex);
        return _registers.Read16(QueueReset) != 0;
    }

    /// <summary>Whether the device says that a queue is enabled.</summary>
    internal bool IsQueueEnabled(ushort queueIndex)
    {
        _registers.Write16(QueueSelect, queueIndex);
        return _registers.Read16(QueueEnable) != 0;
    }

    /// <summary>Writes a queue's size and addresses, then enables it (virtio 1.4, 4.1.4.3.2).</summary>
    /// <returns>Whether the device took the size; if not, the queue is not enabled.</returns>
    internal bool TryEnableQueue(Virtqueue queue)
    {
        if (ProposeQueueSize(queue.Index, queue.Size) != queue.Size)
        {
            return false;
        }

        Write64(QueueDesc, queue.DescriptorArea);
        Write64(QueueDriver, queue.DriverArea);
        Write64(QueueDevice, queue.DeviceArea);
        _registers.Write16(QueueEnable, 1);
        return true;
    }

    private void Write64(uint offset, ulong value)
    {
        _registers.Write32(offset, (uint)value);
        _registers.Write32(offset + 4, (uint)(value >> 32));
    }
}
