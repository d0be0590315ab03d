using System;
using System.Buffers.Binary;

namespace VirtioGuest.Pci.Tests.Simulation;

/// <summary>A PCI Express function: 4096 bytes of configuration space.</summary>
public sealed class SimulatedExpressFunction : SimulatedFunction
{
    public SimulatedExpressFunction(ushort vendorId = 0x1AF4, ushort deviceId = 0x1042, bool isExpress = true)
        : base(vendorId, deviceId)
    {
        if (isExpress)
        {
            AddCapability(0x10, new byte[10]);
        }
    }

    /// <summary>What is read from 0x100 on, at its own offsets.</summary>
    public byte[] Extended { get; } = new byte[0x1000];

    /// <summary>How many double words of extended space were read.</summary>
    public int ExtendedReads { get; private set; }

    /// <summary>Writes the header of an extended capability.</summary>
    public SimulatedExpressFunction WithExtended(uint at, ushort id, byte version, uint next)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(
            Extended.AsSpan((int)at), id | ((uint)version << 16) | (next << 20));
        return this;
    }

    public override uint Read(uint offset, int width)
    {
        if (offset < 0x100)
        {
            return base.Read(offset, width);
        }

        ExtendedReads++;
        uint value = 0;
        for (int i = width - 1; i >= 0; i--)
        {
            value = (value << 8) | Extended[offset + i];
        }

        return value;
    }

    public override void Write(uint offset, int width, uint value)
    {
        if (offset < 0x100)
        {
            base.Write(offset, width, value);
            return;
        }

        for (int i = 0; i < width; i++)
        {
            Extended[offset + i] = (byte)(value >> (8 * i));
        }
    }
}
