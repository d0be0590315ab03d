using System;
using System.Linq;
using VirtioGuest.Hal;

namespace VirtioGuest.Pci.Tests.Simulation;

/// <summary>
/// Ports 0xCF8 (32 bits only) and 0xCFC to 0xCFF, and the ports of functions. Any other access is a mistake.
/// </summary>
public sealed class SimulatedPorts : PortSpace
{
    private readonly SimulatedHost _host;
    private readonly bool _hasMechanism1;
    private uint _address;

    public SimulatedPorts(SimulatedHost host, bool hasMechanism1 = true)
    {
        _host = host;
        _hasMechanism1 = hasMechanism1;
    }

    /// <summary>What the address register holds.</summary>
    public uint ConfigurationAddress => _address;

    /// <summary>The port and the width of the last data access.</summary>
    public (ushort Port, int Width) LastData { get; private set; }

    public override byte Read8(ushort port) => (byte)Read(port, 1);

    public override ushort Read16(ushort port) => (ushort)Read(port, 2);

    public override uint Read32(ushort port) => Read(port, 4);

    public override void Write8(ushort port, byte value) => Write(port, 1, value);

    public override void Write16(ushort port, ushort value) => Write(port, 2, value);

    public override void Write32(ushort port, uint value) => Write(port, 4, value);

    private uint Read(ushort port, int width)
    {
        if (port == 0xCF8 && width == 4)
        {
            return _hasMechanism1 ? _address : 0xFFFFFFFF;
        }

        if (IsData(port, width))
        {
            SimulatedFunction? function = Select(port, width, out uint offset);
            uint value = function?.Read(offset, width) ?? _host.Absent;
            return width == 4 ? value : value & ((1u << (8 * width)) - 1);
        }

        (byte[] memory, int start) = Decode(port, width);
        uint read = 0;
        for (int i = 0; i < width; i++)
        {
            read |= (uint)memory[start + i] << (8 * i);
        }

        return read;
    }

    private void Write(ushort port, int width, uint value)
    {
        if (port == 0xCF8 && width == 4)
        {
            _address = value & 0x80FFFFFC;
            return;
        }

        if (IsData(port, width))
        {
            Select(port, width, out uint offset)?.Write(offset, width, value);
            return;
        }

        (byte[] memory, int start) = Decode(port, width);
        for (int i = 0; i < width; i++)
        {
            memory[start + i] = (byte)(value >> (8 * i));
        }
    }

    private static bool IsData(ushort port, int width) => port >= 0xCFC && port + width <= 0xD00;

    private SimulatedFunction? Select(ushort port, int width, out uint offset)
    {
        if (!_hasMechanism1 || (_address & 0x80000000) == 0 || port % width != 0)
        {
            throw new InvalidOperationException($"no configuration access by port 0x{port:X} of {width} bytes");
        }

        LastData = (port, width);
        offset = (_address & 0xFC) + (port - 0xCFCu);
        return _host.Route((byte)(_address >> 16), (int)((_address >> 8) & 0xFF));
    }

    private (byte[] Memory, int Start) Decode(ushort port, int width)
    {
        (SimulatedFunction function, int index, ulong offset) = _host.Decode(true, port).SingleOrDefault();
        if (function == null)
        {
            throw new InvalidOperationException($"nobody answers port 0x{port:X} of {width} bytes");
        }

        return (function.Memory(index), (int)offset);
    }
}
