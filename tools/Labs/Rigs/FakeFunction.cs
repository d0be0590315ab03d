using System;
using System.Buffers.Binary;
using VirtioGuest.Devices.Pci;

namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>
/// A PCI function that is nothing but its configuration space, laid out as a check wants it. Its registers say where
/// they are, so that it shows what a driver has mapped.
/// </summary>
internal sealed class FakeFunction : IBusFunction
{
    private const int Command = 0x04;
    private const int Status = 0x06;
    private const int BaseAddresses = 0x10;
    private const int CapabilitiesPointer = 0x34;
    private const ushort MemoryDecode = 2;
    private const ushort HasCapabilities = 0x10;
    private const byte VendorSpecific = 9;

    private readonly byte[] _space = new byte[0x1000];
    private readonly ulong[] _starts = new ulong[6];
    private readonly uint[] _lengths = new uint[6];
    private int _last = CapabilitiesPointer;

    /// <summary>Creates a function without capabilities.</summary>
    public FakeFunction(ushort vendor, ushort device, ushort command = 0)
    {
        Put16(0, vendor);
        Put16(2, device);
        Put16(Command, command);
    }

    /// <summary>What the command register holds.</summary>
    public ushort CommandRegister => BinaryPrimitives.ReadUInt16LittleEndian(_space.AsSpan(Command));

    /// <summary>How often something else than the command register was written.</summary>
    public int StrangeWrites { get; private set; }

    /// <summary>What a register reads as that lies at an offset of a range.</summary>
    public static uint Stamp(int bar, uint offset) => 0xB000_0000 | ((uint)bar << 24) | offset;

    /// <summary>Places a range.</summary>
    public FakeFunction Range(int bar, ulong address, uint length, bool isWide = false)
    {
        _starts[bar] = address;
        _lengths[bar] = length;
        BinaryPrimitives.WriteUInt32LittleEndian(
            _space.AsSpan(BaseAddresses + (4 * bar)), (uint)address | (isWide ? 4u : 0));
        if (isWide)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(
                _space.AsSpan(BaseAddresses + (4 * bar) + 4), (uint)(address >> 32));
        }

        return this;
    }

    /// <summary>Appends a capability of any kind.</summary>
    public FakeFunction Capability(byte at, byte id, params byte[] rest)
    {
        Put16(Status, HasCapabilities);
        _space[_last] = at;
        _space[at] = id;
        rest.CopyTo(_space.AsSpan(at + 2));
        _last = at + 1;
        return this;
    }

    /// <summary>Appends a capability that tells of a virtio structure.</summary>
    public FakeFunction Structure(byte at, byte kind, byte bar, uint offset, uint length, uint multiplier = 0)
    {
        Capability(at, VendorSpecific, (byte)(kind == 2 ? 20 : 16), kind, bar);
        BinaryPrimitives.WriteUInt32LittleEndian(_space.AsSpan(at + 8), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(_space.AsSpan(at + 12), length);
        if (kind == 2)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_space.AsSpan(at + 16), multiplier);
        }

        return this;
    }

    /// <inheritdoc/>
    public uint ReadConfiguration(uint offset, int width)
    {
        uint value = 0;
        for (int i = 0; i < width; i++)
        {
            value |= (uint)_space[offset + i] << (8 * i);
        }

        return value;
    }

    /// <inheritdoc/>
    public void WriteConfiguration(uint offset, int width, uint value)
    {
        if (offset == Command)
        {
            Put16(Command, (ushort)value);
        }
        else
        {
            StrangeWrites++;
        }
    }

    /// <inheritdoc/>
    public int? Decode(ulong address, out ulong offset)
    {
        for (int bar = 0; bar < _starts.Length && (CommandRegister & MemoryDecode) != 0; bar++)
        {
            if (_lengths[bar] != 0 && address >= _starts[bar] && address - _starts[bar] < _lengths[bar])
            {
                offset = address - _starts[bar];
                return bar;
            }
        }

        offset = 0;
        return null;
    }

    /// <inheritdoc/>
    public uint ReadBar(int index, ulong offset, int width) => Stamp(index, (uint)offset);

    /// <inheritdoc/>
    public void WriteBar(int index, ulong offset, int width, uint value)
    {
    }

    private void Put16(int offset, ushort value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(_space.AsSpan(offset), value);
}
