using System;
using System.Buffers.Binary;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Tests;

namespace VirtioGuest.DeviceConformance.Tests;

/// <summary>
/// A PCI function whose device does all that it should, and something else besides: a fault that is put in between.
/// </summary>
internal sealed class SpoiltFunction : AlteredFunction
{
    public const ulong FeatureSelect = 0x00;
    public const ulong DeviceFeature = 0x04;
    public const ulong Status = 0x14;
    public const ulong QueueSelect = 0x16;
    public const ulong QueueSize = 0x18;
    public const ulong QueueVector = 0x1A;
    public const ulong QueueEnable = 0x1C;
    public const ulong Isr = 0x1000;
    public const ulong Configuration = 0x2000;
    public const ulong Notify = 0x3000;

    private const int Bar = 0;
    private const int DescriptorLength = 16;
    private const ushort Next = 1;

    private readonly VirtioDeviceModel _model;
    private readonly uint[] _written = new uint[0x40];

    public SpoiltFunction(IBusFunction function, VirtioDeviceModel model)
        : base(function)
    {
        _model = model;
    }

    /// <summary>What is read in place of what the device says.</summary>
    public Func<ulong, int, uint, uint> OnRead { get; set; } = static (_, _, value) => value;

    /// <summary>Whether a write reaches the device.</summary>
    public Func<ulong, uint, bool> OnWrite { get; set; } = static (_, _) => true;

    /// <summary>Called before the device is notified of a queue, and says whether it is.</summary>
    public Func<ModelQueue, bool> BeforeNotified { get; set; } = static _ => true;

    /// <summary>Called when the driver looks at the time, so that the device can act by itself.</summary>
    public Action OnLook { get; set; } = static () => { };

    /// <summary>Whether the driver negotiated packed rings.</summary>
    public bool IsPacked => (_model.DriverFeatures & FeatureBit.RingPacked) != 0;

    /// <summary>Called once the device has done what it was notified of.</summary>
    public Action<ModelQueue> AfterNotified { get; set; } = static _ => { };

    /// <summary>What the driver wrote last into a register of the common configuration.</summary>
    public uint LastWritten(ulong register) => _written[register];

    public override uint ReadBar(int index, ulong offset, int width)
    {
        uint value = base.ReadBar(index, offset, width);
        return index == Bar ? OnRead(offset, width, value) : value;
    }

    public override void WriteBar(int index, ulong offset, int width, uint value)
    {
        if (index != Bar)
        {
            base.WriteBar(index, offset, width, value);
            return;
        }

        if (offset < (ulong)_written.Length)
        {
            _written[offset] = value;
        }

        ModelQueue? notified = offset >= Notify && value < _model.Queues.Length ? _model.Queues[(int)value] : null;
        if (!OnWrite(offset, value) || (notified is not null && !BeforeNotified(notified)))
        {
            return;
        }

        base.WriteBar(index, offset, width, value);
        if (notified is not null)
        {
            AfterNotified(notified);
        }
    }

    /// <summary>The descriptors of the chain that was made available last in a split ring.</summary>
    public (int Index, ulong Address, uint Length, ushort Flags)[] LastChain(ModelQueue queue)
    {
        ushort index = (ushort)(Read16(queue.Areas.Driver + 2) - 1);
        int at = Read16(queue.Areas.Driver + 4 + (ulong)(index % queue.Size * 2));
        var chain = new (int Index, ulong Address, uint Length, ushort Flags)[64];
        int count = 0;
        while (count < chain.Length)
        {
            byte[] descriptor = Read(queue.Areas.Descriptor + (ulong)(at * DescriptorLength), DescriptorLength);
            ushort flags = BinaryPrimitives.ReadUInt16LittleEndian(descriptor.AsSpan(12));
            chain[count++] = (
                at,
                BinaryPrimitives.ReadUInt64LittleEndian(descriptor),
                BinaryPrimitives.ReadUInt32LittleEndian(descriptor.AsSpan(8)),
                flags);
            if ((flags & Next) == 0)
            {
                break;
            }

            at = BinaryPrimitives.ReadUInt16LittleEndian(descriptor.AsSpan(14));
        }

        return chain[..count];
    }

    /// <summary>Where the last used element of a split ring is.</summary>
    public ulong LastUsedElement(ModelQueue queue)
    {
        ushort index = (ushort)(Read16(queue.Areas.Device + 2) - 1);
        return queue.Areas.Device + 4 + (ulong)(index % queue.Size * 8);
    }

    public byte[] Read(ulong address, int length)
    {
        byte[] bytes = new byte[length];
        if (length != 0 && !_model.Memory.TryRead(address, bytes))
        {
            throw new InvalidOperationException($"There is no memory at {address:x}.");
        }

        return bytes;
    }

    public ushort Read16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(Read(address, 2));

    public void Write(ulong address, params ReadOnlySpan<byte> bytes)
    {
        if (!_model.Memory.TryWrite(address, bytes))
        {
            throw new InvalidOperationException($"There is no memory at {address:x}.");
        }
    }
}
