using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Transport.Mmio;

/// <summary>The control registers of a device over MMIO (virtio 1.4, 4.2.2).</summary>
/// <remarks>
/// Each access is one of 32 bits at the register's own offset. No register is read that can only be written, nor the
/// other way round; those of a queue are left alone while it is ready.
/// </remarks>
internal sealed class MmioRegisters
{
    /// <summary>How many bytes the control registers take; the device-specific configuration follows.</summary>
    internal const uint Length = 0x100;

    /// <summary>Where <c>QueueNotify</c> is.</summary>
    internal const uint NotificationOffset = 0x050;

    private const uint Magic = 0x74726976; // "virt"

    private const uint MagicValue = 0x000;
    private const uint Version = 0x004;
    private const uint DeviceId = 0x008;
    private const uint DeviceFeatures = 0x010;
    private const uint DeviceFeaturesSel = 0x014;
    private const uint DriverFeatures = 0x020;
    private const uint DriverFeaturesSel = 0x024;
    private const uint QueueSel = 0x030;
    private const uint QueueSizeMax = 0x034;
    private const uint QueueSize = 0x038;
    private const uint QueueReady = 0x044;
    private const uint InterruptStatus = 0x060;
    private const uint InterruptAck = 0x064;
    private const uint StatusOffset = 0x070;
    private const uint QueueDesc = 0x080;
    private const uint QueueDriver = 0x090;
    private const uint QueueDevice = 0x0A0;
    private const uint SharedMemorySel = 0x0AC;
    private const uint SharedMemoryLength = 0x0B0;
    private const uint SharedMemoryBase = 0x0B8;
    private const uint QueueReset = 0x0C0;
    private const uint ConfigGeneration = 0x0FC;

    private readonly MmioRegion _registers;

    /// <summary>Covers a device's registers.</summary>
    internal MmioRegisters(MmioRegion registers)
    {
        _registers = registers;
    }

    /// <summary>Whether <c>MagicValue</c> is that of a virtio device.</summary>
    internal bool IsVirtio => _registers.Read32(MagicValue) == Magic;

    /// <summary><c>Version</c>: 2, or 1 for the legacy interface. Only where the magic value is right.</summary>
    internal uint InterfaceVersion => _registers.Read32(Version);

    /// <summary><c>DeviceID</c>; 0 for an empty place, of which nothing else is touched.</summary>
    internal uint DeviceType => _registers.Read32(DeviceId);

    /// <summary><c>Status</c>.</summary>
    internal DeviceStatus Status
    {
        get => (DeviceStatus)(_registers.Read32(StatusOffset) & 0xFF);
        set => _registers.Write32(StatusOffset, (uint)value);
    }

    /// <summary><c>ConfigGeneration</c>.</summary>
    internal uint Generation => _registers.Read32(ConfigGeneration);

    /// <summary><c>InterruptStatus</c>.</summary>
    internal uint Interrupts => _registers.Read32(InterruptStatus);

    /// <summary>Writes <c>InterruptACK</c>.</summary>
    internal void Acknowledge(uint interrupts) => _registers.Write32(InterruptAck, interrupts);

    /// <summary>Reads a word of <c>DeviceFeatures</c>.</summary>
    internal uint ReadDeviceFeatures(uint word)
    {
        _registers.Write32(DeviceFeaturesSel, word);
        return _registers.Read32(DeviceFeatures);
    }

    /// <summary>Writes a word of <c>DriverFeatures</c>.</summary>
    internal void WriteDriverFeatures(uint word, uint features)
    {
        _registers.Write32(DriverFeaturesSel, word);
        _registers.Write32(DriverFeatures, features);
    }

    /// <summary>Reads <c>QueueSizeMax</c> of a queue.</summary>
    internal uint ReadMaximumQueueSize(ushort queueIndex)
    {
        _registers.Write32(QueueSel, queueIndex);
        return _registers.Read32(QueueSizeMax);
    }

    /// <summary>Whether a queue is ready.</summary>
    internal bool IsQueueReady(ushort queueIndex)
    {
        _registers.Write32(QueueSel, queueIndex);
        return _registers.Read32(QueueReady) != 0;
    }

    /// <summary>Writes the size and the addresses of a queue that is not ready, and makes it so.</summary>
    /// <returns>Whether the device says that it is ready now.</returns>
    internal bool TryEnableQueue(Virtqueue queue)
    {
        _registers.Write32(QueueSel, queue.Index);
        _registers.Write32(QueueSize, queue.Size);
        Write64(QueueDesc, queue.DescriptorArea);
        Write64(QueueDriver, queue.DriverArea);
        Write64(QueueDevice, queue.DeviceArea);
        _registers.Write32(QueueReady, 1);
        return _registers.Read32(QueueReady) == 1;
    }

    /// <summary>What writes <c>QueueNotify</c> for a queue.</summary>
    internal QueueNotifier NotifierOf(ushort queueIndex, bool hasPlace) =>
        QueueNotifier.OfDoubleword(_registers, NotificationOffset, queueIndex, hasPlace);

    /// <summary>Begins the reset of a queue. Only where RING_RESET was negotiated.</summary>
    internal void BeginQueueReset(ushort queueIndex)
    {
        _registers.Write32(QueueSel, queueIndex);
        _registers.Write32(QueueReset, 1);
    }

    /// <summary>Whether a queue's reset goes on.</summary>
    internal bool IsQueueResetting(ushort queueIndex)
    {
        _registers.Write32(QueueSel, queueIndex);
        return _registers.Read32(QueueReset) != 0;
    }

    /// <summary>Reads where a shared memory region is; all ones for one that does not exist.</summary>
    internal void ReadSharedMemory(byte id, out ulong address, out ulong length)
    {
        _registers.Write32(SharedMemorySel, id);
        length = Read64(SharedMemoryLength);
        address = Read64(SharedMemoryBase);
    }

    private ulong Read64(uint offset)
    {
        uint low = _registers.Read32(offset);
        return low | ((ulong)_registers.Read32(offset + 4) << 32);
    }

    private void Write64(uint offset, ulong value)
    {
        _registers.Write32(offset, (uint)value);
        _registers.Write32(offset + 4, (uint)(value >> 32));
    }
}

/// <summary>Serves the one interrupt of a device over MMIO (virtio 1.4, 4.2.3.4).</summary>
internal sealed class MmioLineHandler : InterruptHandler
{
    /// <summary>
    /// How often the status is looked at again. Each further look needs an event in the moment before the last
    /// acknowledgement, so that a device that gets here without end is in trouble itself.
    /// </summary>
    private const int MaximumLooks = 64;

    private const uint UsedBuffers = 1;
    private const uint ConfigurationChange = 2;

    private readonly MmioRegisters _registers;
    private readonly DeviceEventSink _sink;
    private readonly int _queueCount;

    /// <summary>Covers a device with some queues.</summary>
    internal MmioLineHandler(MmioRegisters registers, DeviceEventSink sink, int queueCount)
    {
        _registers = registers;
        _sink = sink;
        _queueCount = queueCount;
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Events are acknowledged before they are looked for: what comes after the look then sets its bit again. And the
    /// status is read until it is 0, because the line may be edge-triggered: while a bit stays set the line stays up,
    /// and makes no further edge.
    /// </remarks>
    public override bool OnInterrupt()
    {
        bool claimed = false;
        for (int look = 0; look < MaximumLooks; look++)
        {
            uint status = _registers.Interrupts & (UsedBuffers | ConfigurationChange);
            if (status == 0)
            {
                break;
            }

            claimed = true;
            _registers.Acknowledge(status);
            if ((status & UsedBuffers) != 0)
            {
                for (int i = 0; i < _queueCount; i++)
                {
                    _sink.OnUsedBuffers((ushort)i);
                }
            }

            if ((status & ConfigurationChange) != 0)
            {
                _sink.OnConfigurationChange();
            }
        }

        return claimed;
    }
}
