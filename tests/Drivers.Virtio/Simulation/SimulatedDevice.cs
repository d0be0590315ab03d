using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>
/// The registers of a virtio device over PCI, from the text of virtio 1.4, 4.1.4. Every access must have a field's own
/// offset and width; every write is logged by name.
/// </summary>
internal abstract class SimulatedDevice
{
    public const ulong Version1 = 1UL << 32;
    public const ulong RingPacked = 1UL << 34;
    public const ulong NotificationData = 1UL << 38;
    public const ulong NotifConfigData = 1UL << 39;
    public const ushort NoVector = 0xFFFF;

    private readonly SimulatedMachine _machine;
    private readonly QueueRegisters[] _queues;
    private uint _deviceFeatureSelect;
    private uint _driverFeatureSelect;
    private ushort _queueSelect;
    private byte _generation;
    private byte _isr;
    private int _looksUntilReset;

    protected SimulatedDevice(SimulatedMachine machine, int queueCount, int configurationLength)
    {
        _machine = machine;
        Configuration = new byte[configurationLength];
        _queues = new QueueRegisters[queueCount];
        for (int i = 0; i < queueCount; i++)
        {
            _queues[i] = new QueueRegisters();
        }
    }

    public SimulatedFunction? Function { get; set; }

    public byte[] Configuration { get; }

    public ulong Offered { get; set; } = Version1 | RingPacked;

    public ulong Accepted { get; private set; }

    public byte Status { get; private set; }

    /// <summary>Whether FEATURES_OK is refused.</summary>
    public bool RefusesFeatures { get; set; }

    /// <summary>How many looks at the status a reset takes; -1 for ever.</summary>
    public int LooksPerReset { get; set; }

    public ushort MaximumQueueSize { get; set; } = 64;

    public ushort QueueCount { get; set; } = ushort.MaxValue;

    /// <summary>Whether a write of the queue size is ignored.</summary>
    public bool KeepsQueueSize { get; set; }

    public ushort[] NotifyOffsets { get; set; } = { 0, 1, 2, 3 };

    /// <summary>How many of the next configuration reads see a configuration that changes under them.</summary>
    public int ChangesDuringReads { get; set; }

    /// <summary>Whether the device asks for a reset as soon as it is live.</summary>
    public bool NeedsResetAtOnce { get; set; }

    /// <summary>What happens in the device right before DRIVER_OK is set; it cannot tell the driver of it.</summary>
    public Action? BeforeLive { get; set; }

    /// <summary>Every register write, by name.</summary>
    public List<string> Writes { get; } = new List<string>();

    public List<string> Violations => _machine.Memory.Violations;

    public bool IsLive => (Status & 4) != 0;

    protected SimulatedDma Memory => _machine.Memory;

    private int AvailableQueues => Math.Min(QueueCount, (ushort)_queues.Length);

    /// <summary>The ring of a queue that was enabled.</summary>
    public RingModel Ring(int queue) =>
        _queues[queue].Ring ?? throw new InvalidOperationException($"queue {queue} is not enabled");

    public ushort ConfigurationVector { get; private set; } = NoVector;

    /// <summary>Changes the configuration and tells the driver.</summary>
    public void ChangeConfiguration(Action<byte[]> change)
    {
        change(Configuration);
        _generation++;
        InterruptConfiguration();
    }

    public void SetNeedsReset()
    {
        Status |= 64;
        InterruptConfiguration();
    }

    /// <summary>Tells the driver that a queue has used buffers, whether it wants to know or not.</summary>
    /// <returns>Whether an interrupt was sent and, on a line, claimed.</returns>
    public bool InterruptQueue(int queue) => Interrupt(_queues[queue].Vector, 1);

    /// <summary>Tells the driver only if it wants to know.</summary>
    public void InterruptQueueIfWanted(int queue)
    {
        if (Ring(queue).IsInterruptDue())
        {
            InterruptQueue(queue);
        }
    }

    /// <summary>Sets ISR bits and raises the line.</summary>
    public bool RaiseLine(byte isr)
    {
        _isr |= isr;
        return Function!.RaiseLine();
    }

    public uint ReadRegister(uint offset, int width)
    {
        switch (offset, width)
        {
            case (0x04, 4):
                return _deviceFeatureSelect < 2 ? (uint)(Offered >> (int)(32 * _deviceFeatureSelect)) : 0;
            case (0x10, 2):
                return ConfigurationVector;
            case (0x12, 2):
                return (uint)AvailableQueues;
            case (0x14, 1):
                return ReadStatus();
            case (0x15, 1):
                return _generation;
            case (0x18, 2):
                return Selected?.Size ?? 0;
            case (0x1A, 2):
                return Selected?.Vector ?? NoVector;
            case (0x1C, 2):
                return Selected?.Ring == null ? 0u : 1;
            case (0x1E, 2):
                return NotifyOffsets[_queueSelect];
            case (0x38, 2):
                return NotifyName(_queueSelect);
            case (SimulatedFunction.IsrOffset, 1):
                byte isr = _isr;
                _isr = 0;
                return isr;
        }

        long field = (long)offset - SimulatedFunction.DeviceOffset;
        if (field >= 0 && field + width <= Configuration.Length)
        {
            return ReadConfiguration((int)field, width);
        }

        Violations.Add($"read of {width} bytes at {offset:x}");
        return 0;
    }

    public void WriteRegister(uint offset, int width, uint value)
    {
        if (offset >= SimulatedFunction.NotifyOffset)
        {
            WriteNotify(offset, width, value);
            return;
        }

        switch (offset, width)
        {
            case (0x00, 4):
                _deviceFeatureSelect = value;
                break;
            case (0x08, 4):
                _driverFeatureSelect = value;
                break;
            case (0x0C, 4):
                Log($"driver_feature[{_driverFeatureSelect}]={value:x}");
                WriteDriverFeatures(value);
                break;
            case (0x10, 2):
                Log($"config_msix_vector={value:x}");
                ConfigurationVector = Map(value);
                break;
            case (0x14, 1):
                Log($"status={value:x}");
                WriteStatus((byte)value);
                break;
            case (0x16, 2):
                _queueSelect = (ushort)value;
                break;
            case (0x18, 2):
                Log($"queue_size[{_queueSelect}]={value}");
                Selected!.Size = KeepsQueueSize ? Selected.Size : (ushort)value;
                break;
            case (0x1A, 2):
                Log($"queue_msix_vector[{_queueSelect}]={value:x}");
                Selected!.Vector = Map(value);
                break;
            case (0x1C, 2):
                Log($"queue_enable[{_queueSelect}]={value}");
                Enable();
                break;
            default:
                WriteAddress(offset, width, value);
                break;
        }
    }

    /// <summary>The driver has new buffers in a queue.</summary>
    protected abstract void OnNotify(int queue);

    /// <summary>The driver has reset the device.</summary>
    protected virtual void OnReset()
    {
    }

    private QueueRegisters? Selected => _queueSelect < AvailableQueues ? _queues[_queueSelect] : null;

    private void Log(string line) => Writes.Add(line);

    private bool Interrupt(ushort vector, byte isr)
    {
        if (Function!.IsMsixEnabled)
        {
            if (vector != NoVector)
            {
                Function.SendVector(vector);
            }

            return vector != NoVector;
        }

        return RaiseLine(isr);
    }

    private void InterruptConfiguration() => Interrupt(ConfigurationVector, 2);

    private uint ReadConfiguration(int offset, int width)
    {
        if (ChangesDuringReads > 0)
        {
            ChangesDuringReads--;
            _generation++;
        }

        ReadOnlySpan<byte> field = Configuration.AsSpan(offset, width);
        return width == 1 ? field[0]
            : width == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(field)
            : BinaryPrimitives.ReadUInt32LittleEndian(field);
    }

    private byte ReadStatus()
    {
        if (_looksUntilReset > 0)
        {
            _looksUntilReset--;
            return 0xF;
        }

        return _looksUntilReset < 0 ? (byte)0xF : Status;
    }

    private void WriteStatus(byte value)
    {
        if (value == 0)
        {
            Status = 0;
            Accepted = 0;
            _isr = 0;
            _looksUntilReset = LooksPerReset;
            ConfigurationVector = NoVector;
            foreach (QueueRegisters queue in _queues)
            {
                queue.Reset(MaximumQueueSize);
            }

            OnReset();
            return;
        }

        if ((Status & ~value) != 0)
        {
            Violations.Add($"status {value:x} clears bits of {Status:x}");
        }

        if (RefusesFeatures || (Accepted & ~Offered) != 0)
        {
            value &= 0xF7;
        }

        if ((value & ~Status & 4) != 0)
        {
            BeforeLive?.Invoke();
        }

        Status = value;
        if (IsLive && NeedsResetAtOnce)
        {
            Status |= 64;
        }
    }

    private void WriteDriverFeatures(uint value)
    {
        if ((Status & 8) != 0)
        {
            Violations.Add("features after FEATURES_OK");
        }

        int shift = (int)(32 * _driverFeatureSelect);
        Accepted = (Accepted & ~(0xFFFFFFFFUL << shift)) | ((ulong)value << shift);
    }

    private ushort Map(uint vector) =>
        vector < Function!.VectorCount ? (ushort)vector : NoVector;

    private void WriteAddress(uint offset, int width, uint value)
    {
        if (offset < 0x20 || offset >= 0x38 || width != 4)
        {
            Violations.Add($"write of {width} bytes at {offset:x}");
            return;
        }

        QueueRegisters queue = Selected!;
        int field = (int)(offset - 0x20) / 8;
        bool isHigh = (offset & 4) != 0;
        if (isHigh != queue.LowWritten[field])
        {
            Violations.Add("a 64-bit field was not written low half first");
        }

        queue.LowWritten[field] = !isHigh;
        queue.Addresses[field] = isHigh
            ? (queue.Addresses[field] & 0xFFFFFFFF) | ((ulong)value << 32)
            : (queue.Addresses[field] & ~0xFFFFFFFFUL) | value;
    }

    private void Enable()
    {
        QueueRegisters queue = Selected!;
        if ((Status & 8) == 0 || IsLive)
        {
            Violations.Add("a queue was enabled out of order");
        }

        if (queue.Addresses[0] % 16 != 0 || queue.Addresses[1] % 2 != 0 || queue.Addresses[2] % 4 != 0)
        {
            Violations.Add("a part of a queue is not aligned");
        }

        queue.Ring = RingModel.Create(
            Memory, queue.Addresses[0], queue.Addresses[1], queue.Addresses[2], queue.Size, Accepted);
    }

    private void WriteNotify(uint offset, int width, uint value)
    {
        ushort name = (ushort)value;
        int queue = 0;
        while (queue < _queues.Length && NotifyName(queue) != name)
        {
            queue++;
        }

        Log($"notify[{queue}]");
        if (queue == _queues.Length)
        {
            Violations.Add($"notification of {name:x}, which is no queue");
            return;
        }

        bool hasData = (Accepted & NotificationData) != 0;
        uint expected = SimulatedFunction.NotifyOffset + (NotifyOffsets[queue] * Function!.NotifyMultiplier);
        if (width != (hasData ? 4 : 2) || offset != expected)
        {
            Violations.Add($"notification of queue {queue} at {offset:x} with {width} bytes");
        }

        if (!IsLive)
        {
            Violations.Add("notification of a device that is not live");
        }

        OnNotify(queue);
        if (Ring(queue).HasEventIndex)
        {
            Ring(queue).AskForNotificationAt(0);
        }
    }

    private ushort NotifyName(int queue) =>
        (Accepted & NotifConfigData) != 0 ? (ushort)(0x700 + queue) : (ushort)queue;

    private sealed class QueueRegisters
    {
        public ushort Size { get; set; }

        public ushort Vector { get; set; } = NoVector;

        public ulong[] Addresses { get; } = new ulong[3];

        public bool[] LowWritten { get; } = new bool[3];

        public RingModel? Ring { get; set; }

        public void Reset(ushort maximumSize)
        {
            Size = maximumSize;
            Vector = NoVector;
            Array.Clear(Addresses);
            Array.Clear(LowWritten);
            Ring = null;
        }
    }
}
