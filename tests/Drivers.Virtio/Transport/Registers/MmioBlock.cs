using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>
/// The registers of a virtio device over MMIO, from the table of virtio 1.4, 4.2.2: control registers take accesses of
/// 32 bits at their own offset, in their own direction, and not while a queue is ready where the text says so.
/// </summary>
internal sealed class MmioBlock : RegisterBlock
{
    public const ulong Address = 0xFEB00E00;

    private readonly Queue[] _queues;
    private uint _deviceFeaturesSel = uint.MaxValue;
    private uint _driverFeaturesSel = uint.MaxValue;
    private uint _queueSel;
    private uint _shmSel;

    public MmioBlock(int queues, int configurationLength)
    {
        Configuration = new byte[configurationLength];
        _queues = new Queue[queues];
        for (int i = 0; i < queues; i++)
        {
            _queues[i] = new Queue();
        }

        Status.OnReset = Reset;
    }

    public uint Magic { get; set; } = 0x74726976;

    public uint Version { get; set; } = 2;

    public uint DeviceType { get; set; } = 2;

    public ulong Offered { get; set; } = (1UL << 32) | (1UL << 34);

    public ulong Accepted { get; private set; }

    public byte[] Configuration { get; }

    public StatusRegister Status { get; } = new StatusRegister();

    public uint InterruptStatus { get; private set; }

    public uint Generation { get; set; }

    /// <summary>How many of the next configuration reads see a configuration that changes under them.</summary>
    public int ChangesDuringReads { get; set; }

    /// <summary>How many looks the reset of a queue takes; -1 for ever.</summary>
    public int LooksPerQueueReset { get; set; }

    /// <summary>Whether the register is there at all; QEMU 7.2 lacks it.</summary>
    public bool HasQueueReset { get; set; } = true;

    public Dictionary<uint, (ulong Address, ulong Length)> SharedMemory { get; } = new();

    /// <summary>What happens when the driver has read the interrupt status, before it acknowledges.</summary>
    public Action? AfterStatusRead { get; set; }

    public Queue QueueAt(int index) => _queues[index];

    /// <summary>Puts the device into a machine.</summary>
    public MmioBlock In(RegisterMachine machine)
    {
        machine.Add(Address, 0x100 + (ulong)Configuration.Length, this);
        return this;
    }

    /// <summary>Sets events; the line goes up only if it was down, as an edge-triggered one is seen.</summary>
    public void Raise(SimulatedInterrupts interrupts, uint events)
    {
        bool wasDown = InterruptStatus == 0;
        InterruptStatus |= events;
        if (wasDown)
        {
            interrupts.LineHandler?.OnInterrupt();
        }
    }

    /// <summary>Sets events without an edge of their own.</summary>
    public void Set(uint events) => InterruptStatus |= events;

    public override uint Read(ulong offset, int width)
    {
        if (offset >= 0x100)
        {
            return ReadConfiguration((int)(offset - 0x100), width);
        }

        if (width != 4)
        {
            Violations.Add($"read of {width} bytes at {offset:x}");
        }

        switch (offset)
        {
            case 0x000:
                return Magic;
            case 0x004:
                return Version;
            case 0x008:
                return DeviceType;
            case 0x010:
                if (_deviceFeaturesSel == uint.MaxValue)
                {
                    Violations.Add("features read without a selection");
                }

                return _deviceFeaturesSel < 2 ? (uint)(Offered >> (int)(32 * _deviceFeaturesSel)) : 0;
            case 0x034:
                return Selected?.SizeMax ?? 0;
            case 0x044:
                return Selected?.Ready ?? 0;
            case 0x060:
                uint status = InterruptStatus;
                AfterStatusRead?.Invoke();
                return status;
            case 0x070:
                return Status.Read();
            case 0x0B0 or 0x0B4 or 0x0B8 or 0x0BC:
                return ReadSharedMemory((int)(offset - 0xB0) / 4);
            case 0x0C0:
                return ReadQueueReset();
            case 0x0FC:
                return Generation;
            default:
                Violations.Add($"read of {offset:x}, which cannot be read");
                return 0;
        }
    }

    public override void Write(ulong offset, int width, uint value)
    {
        if (width != 4)
        {
            Violations.Add($"write of {width} bytes at {offset:x}");
        }

        switch (offset)
        {
            case 0x014:
                _deviceFeaturesSel = value;
                break;
            case 0x020:
                Writes.Add($"DriverFeatures[{(int)_driverFeaturesSel}]={value:x}");
                int shift = (int)(32 * _driverFeaturesSel);
                Accepted = (Accepted & ~(0xFFFFFFFFUL << shift)) | ((ulong)value << shift);
                break;
            case 0x024:
                _driverFeaturesSel = value;
                break;
            case 0x030:
                _queueSel = value;
                break;
            case 0x038:
                WriteQueue($"QueueSize[{_queueSel}]={value}", queue => queue.Size = value);
                break;
            case 0x044:
                Writes.Add($"QueueReady[{_queueSel}]={value}");
                Selected!.Ready = Selected.RefusesReady ? 0 : value;
                break;
            case 0x050:
                Writes.Add($"QueueNotify={value:x}");
                break;
            case 0x064:
                if ((value & ~3u) != 0)
                {
                    Violations.Add("undefined events acknowledged");
                }

                InterruptStatus &= ~value;
                break;
            case 0x070:
                Writes.Add($"Status={value:x}");
                Status.Write((byte)value, Violations);
                break;
            case 0x080 or 0x084 or 0x090 or 0x094 or 0x0A0 or 0x0A4:
                int part = (int)(offset - 0x80) / 16;
                bool isHigh = (offset & 4) != 0;
                WriteQueue(null, queue => queue.Set(part, isHigh, value));
                break;
            case 0x0AC:
                _shmSel = value;
                break;
            case 0x0C0:
                Writes.Add($"QueueReset[{_queueSel}]={value}");
                if (HasQueueReset)
                {
                    Selected!.LooksLeft = LooksPerQueueReset;
                    Selected.IsResetting = true;
                }

                break;
            default:
                Violations.Add($"write of {offset:x}, which cannot be written");
                break;
        }
    }

    private Queue? Selected => _queueSel < _queues.Length ? _queues[_queueSel] : null;

    private void Reset()
    {
        Accepted = 0;
        InterruptStatus = 0;
        foreach (Queue queue in _queues)
        {
            queue.Ready = 0;
        }
    }

    private void WriteQueue(string? line, Action<Queue> write)
    {
        if (line != null)
        {
            Writes.Add(line);
        }

        if (Selected!.Ready != 0)
        {
            Violations.Add("a register of a ready queue was written");
        }

        write(Selected);
    }

    private uint ReadQueueReset()
    {
        Queue queue = Selected!;
        if (!queue.IsResetting)
        {
            return 0;
        }

        if (queue.LooksLeft != 0)
        {
            queue.LooksLeft -= queue.LooksLeft > 0 ? 1 : 0;
            return 1;
        }

        queue.IsResetting = false;
        queue.Ready = 0;
        return 0;
    }

    private uint ReadSharedMemory(int word)
    {
        (ulong address, ulong length) = SharedMemory.GetValueOrDefault(_shmSel, (ulong.MaxValue, ulong.MaxValue));
        ulong value = word < 2 ? length : address;
        return (uint)(value >> (32 * (word & 1)));
    }

    private uint ReadConfiguration(int offset, int width)
    {
        if (ChangesDuringReads > 0)
        {
            ChangesDuringReads--;
            Generation++;
        }

        ReadOnlySpan<byte> field = Configuration.AsSpan(offset, width);
        return width == 1 ? field[0]
            : width == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(field)
            : BinaryPrimitives.ReadUInt32LittleEndian(field);
    }

    /// <summary>A queue's registers.</summary>
    internal sealed class Queue
    {
        public uint SizeMax { get; set; } = 64;

        public uint Size { get; set; }

        public uint Ready { get; set; }

        public bool RefusesReady { get; set; }

        public ulong[] Addresses { get; } = new ulong[3];

        public bool IsResetting { get; set; }

        public int LooksLeft { get; set; }

        public void Set(int part, bool isHigh, uint value) => Addresses[part] = isHigh
            ? (Addresses[part] & uint.MaxValue) | ((ulong)value << 32)
            : (Addresses[part] & ~(ulong)uint.MaxValue) | value;
    }
}
