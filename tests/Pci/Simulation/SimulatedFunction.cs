using System;
using System.Buffers.Binary;
using System.Collections.Generic;

namespace VirtioGuest.Pci.Tests.Simulation;

/// <summary>
/// A function: 256 bytes of configuration space of which some bits can be written, and the memory or ports behind its
/// base addresses. It notes what a careful driver must not do to it.
/// </summary>
public class SimulatedFunction
{
    private readonly byte[] _writable = new byte[256];
    private readonly Dictionary<int, byte[]> _memory = new Dictionary<int, byte[]>();
    private uint _nextCapability = 0x40;
    private uint _lastLink = 0x34;

    public SimulatedFunction(ushort vendorId, ushort deviceId, byte baseClass = 0xFF, byte subclass = 0)
    {
        Set16(0x00, vendorId);
        Set16(0x02, deviceId);
        Space[0x0A] = subclass;
        Space[0x0B] = baseClass;
        Allow(0x04, 2, 0x0547);
        Allow(0x3C, 1, 0xFF);
    }

    /// <summary>What is read.</summary>
    public byte[] Space { get; } = new byte[256];

    /// <summary>The sizes of the base addresses by register; 0 for none.</summary>
    public ulong[] Sizes { get; } = new ulong[6];

    /// <summary>Registers behind base addresses, by offset, that ignore writes.</summary>
    public HashSet<ulong> Stuck { get; } = new HashSet<ulong>();

    /// <summary>Whether a base address was written while the function decoded.</summary>
    public bool WasMovedWhileDecoding { get; private set; }

    /// <summary>Whether the status register was written, which would clear its sticky bits.</summary>
    public bool WasStatusWritten { get; private set; }

    /// <summary>How often decode was turned off.</summary>
    public int DecodeInterruptions { get; private set; }

    public ushort Command
    {
        get => Get16(0x04);
        set => Set16(0x04, value);
    }

    public ushort Get16(uint offset) => BinaryPrimitives.ReadUInt16LittleEndian(Space.AsSpan((int)offset));

    public uint Get32(uint offset) => BinaryPrimitives.ReadUInt32LittleEndian(Space.AsSpan((int)offset));

    public void Set16(uint offset, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(Space.AsSpan((int)offset), value);

    public void Set32(uint offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(Space.AsSpan((int)offset), value);

    /// <summary>Lets some bits be written.</summary>
    public void Allow(uint offset, int width, uint mask)
    {
        for (int i = 0; i < width; i++)
        {
            _writable[offset + i] = (byte)(mask >> (8 * i));
        }
    }

    public SimulatedFunction WithMemory32(int index, uint size, uint address = 0, bool prefetchable = false)
    {
        Sizes[index] = size;
        Set32(0x10 + 4 * (uint)index, address | (prefetchable ? 8u : 0));
        Allow(0x10 + 4 * (uint)index, 4, ~(size - 1) & ~15u);
        return this;
    }

    public SimulatedFunction WithMemory64(int index, ulong size, ulong address = 0, bool prefetchable = true)
    {
        Sizes[index] = size;
        Set32(0x10 + 4 * (uint)index, (uint)address | 4 | (prefetchable ? 8u : 0));
        Allow(0x10 + 4 * (uint)index, 4, (uint)~(size - 1) & ~15u);
        if (index < 5)
        {
            Set32(0x14 + 4 * (uint)index, (uint)(address >> 32));
            Allow(0x14 + 4 * (uint)index, 4, (uint)(~(size - 1) >> 32));
        }

        return this;
    }

    public SimulatedFunction WithIo(int index, uint size, uint address = 0, uint implemented = 0xFFFFFFFF)
    {
        Sizes[index] = size;
        Set32(0x10 + 4 * (uint)index, address | 1);
        Allow(0x10 + 4 * (uint)index, 4, ~(size - 1) & ~3u & implemented);
        return this;
    }

    /// <summary>Appends a capability; its body follows the ID and the link.</summary>
    /// <returns>Where it is.</returns>
    public uint AddCapability(byte id, params byte[] body)
    {
        uint place = _nextCapability;
        Space[_lastLink] = (byte)place;
        Space[place] = id;
        body.CopyTo(Space, (int)place + 2);
        _lastLink = place + 1;
        _nextCapability = (place + 2 + (uint)body.Length + 3) & ~3u;
        Set16(0x06, (ushort)(Get16(0x06) | 0x10));
        return place;
    }

    /// <summary>Adds MSI-X with its table and pending bits in base addresses.</summary>
    public uint AddMsix(int vectors, uint table, uint pending)
    {
        uint place = AddCapability(0x11, new byte[10]);
        Set16(place + 2, (ushort)(vectors - 1));
        Set32(place + 4, table);
        Set32(place + 8, pending);
        Allow(place + 2, 2, 0xC000);
        return place;
    }

    /// <summary>The memory or ports behind a base address.</summary>
    public byte[] Memory(int index)
    {
        if (!_memory.TryGetValue(index, out byte[]? memory))
        {
            memory = new byte[Math.Min(Sizes[index], 0x10000)];
            _memory.Add(index, memory);
        }

        return memory;
    }

    public virtual uint Read(uint offset, int width)
    {
        uint value = 0;
        for (int i = 0; i < width; i++)
        {
            value |= (uint)Space[offset + i] << (8 * i);
        }

        return value;
    }

    public virtual void Write(uint offset, int width, uint value)
    {
        ushort before = Command;
        WasMovedWhileDecoding |= offset is >= 0x10 and < 0x28 && Sizes[(offset - 0x10) / 4] != 0 && (before & 3) != 0;
        WasStatusWritten |= offset <= 0x07 && offset + (uint)width > 0x06;
        for (int i = 0; i < width; i++)
        {
            byte mask = _writable[offset + i];
            Space[offset + i] = (byte)((Space[offset + i] & ~mask) | ((byte)(value >> (8 * i)) & mask));
        }

        DecodeInterruptions += (before & 3 & ~Command) != 0 ? 1 : 0;
    }

    /// <summary>Which base address answers, from its register alone: its number, or -1.</summary>
    public int Decode(bool io, ulong address, out ulong offset)
    {
        for (int index = 0; index < 6; index++)
        {
            if (Sizes[index] == 0 || (Command & (io ? 1 : 2)) == 0)
            {
                continue;
            }

            uint low = Get32(0x10 + 4 * (uint)index);
            bool wide = (low & 7) == 4;
            ulong start = (low & (io ? ~3u : ~15u)) | (wide ? (ulong)Get32(0x14 + 4 * (uint)index) << 32 : 0);
            if (((low & 1) != 0) == io && address >= start && address - start < Sizes[index])
            {
                offset = address - start;
                return index;
            }
        }

        offset = 0;
        return -1;
    }
}
