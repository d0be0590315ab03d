using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>
/// The structures of a virtio function in one base address, from the text of virtio 1.4, 4.1.4: every access has a
/// field's own offset and width.
/// </summary>
internal sealed class PciBlock : RegisterBlock
{
    public const uint Length = 0x10000;
    public const uint CommonOffset = 0x0000;
    public const uint IsrOffset = 0x1000;
    public const uint DeviceOffset = 0x2000;
    public const uint NotifyOffset = 0x4000;
    public const ushort NoVector = 0xFFFF;

    private readonly Queue[] _queues;
    private uint _deviceFeatureSelect;
    private uint _driverFeatureSelect;
    private ushort _queueSelect;
    private ushort _configurationVector = NoVector;

    public PciBlock(int queues, int configurationLength)
    {
        Configuration = new byte[configurationLength];
        _queues = new Queue[queues];
        for (int i = 0; i < queues; i++)
        {
            _queues[i] = new Queue { NotifyOff = (ushort)i, NotifConfigData = (ushort)(0x100 + i) };
        }

        Status.OnReset = Reset;
    }

    public ulong Offered { get; set; } = (1UL << 32) | (1UL << 34);

    public ulong Accepted { get; private set; }

    /// <summary>Which feature words were asked for or written.</summary>
    public SortedSet<uint> FeatureWords { get; } = new SortedSet<uint>();

    public byte[] Configuration { get; }

    public StatusRegister Status { get; } = new StatusRegister();

    public byte Isr { get; set; }

    public byte Generation { get; set; }

    /// <summary>How many looks the reset of a queue takes; -1 for ever.</summary>
    public int LooksPerQueueReset { get; set; }

    /// <summary>Whether a queue that was reset says so: a broken device leaves it enabled.</summary>
    public bool KeepsQueueEnabled { get; set; }

    public Queue QueueAt(int index) => _queues[index];

    private bool IsExtended => (Accepted & ((1UL << 39) | (1UL << 40))) != 0;

    private Queue Selected => _queues[_queueSelect];

    public override uint Read(ulong offset, int width)
    {
        switch (offset, width)
        {
            case (0x04, 4):
                FeatureWords.Add(_deviceFeatureSelect);
                return _deviceFeatureSelect < 2 ? (uint)(Offered >> (int)(32 * _deviceFeatureSelect)) : 0;
            case (0x10, 2):
                return _configurationVector;
            case (0x12, 2):
                return (uint)_queues.Length;
            case (0x14, 1):
                return Status.Read();
            case (0x15, 1):
                return Generation;
            case (0x18, 2):
                return _queueSelect < _queues.Length ? Selected.Size : 0u;
            case (0x1A, 2):
                return Selected.Vector;
            case (0x1C, 2):
                return Selected.Enabled;
            case (0x1E, 2):
                return Selected.NotifyOff;
            case (0x38, 2) when IsExtended:
                return Selected.NotifConfigData;
            case (0x3A, 2) when IsExtended:
                return ReadQueueReset();
            case (IsrOffset, 1):
                byte isr = Isr;
                Isr = 0;
                return isr;
            case ( >= DeviceOffset and < NotifyOffset, _) when
                (int)(offset - DeviceOffset) + width <= Configuration.Length:
                ReadOnlySpan<byte> field = Configuration.AsSpan((int)(offset - DeviceOffset), width);
                return width == 1 ? field[0]
                    : width == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(field)
                    : BinaryPrimitives.ReadUInt32LittleEndian(field);
            default:
                Violations.Add($"read of {width} bytes at {offset:x}");
                return 0;
        }
    }

    public override void Write(ulong offset, int width, uint value)
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
                FeatureWords.Add(_driverFeatureSelect);
                int shift = (int)(32 * _driverFeatureSelect);
                Accepted = (Accepted & ~(0xFFFFFFFFUL << shift)) | ((ulong)value << shift);
                break;
            case (0x10, 2):
                _configurationVector = (ushort)value;
                break;
            case (0x14, 1):
                Status.Write((byte)value, Violations);
                break;
            case (0x16, 2):
                _queueSelect = (ushort)value;
                break;
            case (0x18, 2):
                Selected.Size = (ushort)value;
                break;
            case (0x1A, 2):
                Writes.Add($"queue_msix_vector[{_queueSelect}]={value}");
                Selected.Vector = (ushort)value;
                break;
            case (0x1C, 2):
                Writes.Add($"queue_enable[{_queueSelect}]={value} size {Selected.Size}");
                Selected.Enabled = (ushort)value;
                break;
            case ( >= 0x20 and < 0x38, 4):
                break;
            case (0x3A, 2) when IsExtended:
                Writes.Add($"queue_reset[{_queueSelect}]={value}");
                Selected.IsResetting = true;
                Selected.LooksLeft = LooksPerQueueReset;
                break;
            case ( >= NotifyOffset, _):
                Writes.Add($"notify+{offset - NotifyOffset:x}={value:x}/{width}");
                break;
            default:
                Violations.Add($"write of {width} bytes at {offset:x}");
                break;
        }
    }

    private void Reset()
    {
        Accepted = 0;
        _configurationVector = NoVector;
        foreach (Queue queue in _queues)
        {
            queue.Reset();
        }
    }

    private uint ReadQueueReset()
    {
        Queue queue = Selected;
        if (!queue.IsResetting)
        {
            return 0;
        }

        if (queue.LooksLeft != 0)
        {
            queue.LooksLeft -= queue.LooksLeft > 0 ? 1 : 0;
            return 1;
        }

        ushort enabled = queue.Enabled;
        queue.Reset();
        queue.Enabled = KeepsQueueEnabled ? enabled : (ushort)0;
        return 0;
    }

    /// <summary>A queue's fields.</summary>
    internal sealed class Queue
    {
        public const ushort LargestSize = 64;

        public ushort Size { get; set; } = LargestSize;

        public ushort Vector { get; set; } = NoVector;

        public ushort Enabled { get; set; }

        public ushort NotifyOff { get; set; }

        public ushort NotifConfigData { get; set; }

        public bool IsResetting { get; set; }

        public int LooksLeft { get; set; }

        public void Reset()
        {
            Size = LargestSize;
            Vector = NoVector;
            Enabled = 0;
            IsResetting = false;
        }
    }
}
