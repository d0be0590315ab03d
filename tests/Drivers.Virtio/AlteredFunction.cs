using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Devices.Pci;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>A PCI function whose configuration space is another one in a place.</summary>
internal abstract class AlteredFunction : IBusFunction
{
    private readonly IBusFunction _function;

    protected AlteredFunction(IBusFunction function)
    {
        _function = function;
    }

    public virtual uint ReadConfiguration(uint offset, int width) => _function.ReadConfiguration(offset, width);

    public virtual void WriteConfiguration(uint offset, int width, uint value) =>
        _function.WriteConfiguration(offset, width, value);

    public int? Decode(ulong address, out ulong offset) => _function.Decode(address, out offset);

    public virtual uint ReadBar(int index, ulong offset, int width) => _function.ReadBar(index, offset, width);

    public virtual void WriteBar(int index, ulong offset, int width, uint value) =>
        _function.WriteBar(index, offset, width, value);
}

/// <summary>A function that decodes ports besides, as transitional devices do.</summary>
internal sealed class FunctionWithPorts : AlteredFunction
{
    private const uint Command = 4;
    private const uint BaseAddress = 0x14;
    private const uint PortFlag = 1;
    private const uint Length = 0x20;

    private uint _address = 0xC000;

    public FunctionWithPorts(IBusFunction function)
        : base(function)
    {
    }

    public bool DecodesPorts { get; private set; }

    public override uint ReadConfiguration(uint offset, int width) => offset switch
    {
        BaseAddress => _address | PortFlag,
        Command => base.ReadConfiguration(offset, width) | (DecodesPorts ? 1u : 0),
        _ => base.ReadConfiguration(offset, width),
    };

    public override void WriteConfiguration(uint offset, int width, uint value)
    {
        if (offset == BaseAddress)
        {
            _address = value & ~(Length - 1);
        }
        else
        {
            DecodesPorts = offset == Command ? (value & 1) != 0 : DecodesPorts;
            base.WriteConfiguration(offset, width, value);
        }
    }
}

/// <summary>A function whose MSI-X cannot be turned on.</summary>
internal sealed class FunctionWithoutMessages : AlteredFunction
{
    private const uint FirstCapability = 0x34;
    private const uint MsixId = 0x11;
    private const uint EnableBit = 1 << 15;

    private readonly uint _control;

    public FunctionWithoutMessages(IBusFunction function)
        : base(function)
    {
        uint at = function.ReadConfiguration(FirstCapability, 1);
        while (function.ReadConfiguration(at, 1) != MsixId)
        {
            at = function.ReadConfiguration(at + 1, 1);
        }

        _control = at + 2;
    }

    public override void WriteConfiguration(uint offset, int width, uint value) =>
        base.WriteConfiguration(offset, width, offset == _control && width == 2 ? value & ~EnableBit : value);
}

/// <summary>
/// A function whose configuration space reads as something else in places: another device, other capabilities. What is
/// written goes to the function as it is.
/// </summary>
internal sealed class ForgedFunction : AlteredFunction
{
    private const int FirstCapability = 0x34;
    private const int CapabilitiesStart = 0x40;

    private readonly byte?[] _forged = new byte?[0x1000];
    private readonly List<int> _places = [];
    private int _free;

    public ForgedFunction(IBusFunction function)
        : base(function)
    {
        int at = (int)function.ReadConfiguration(FirstCapability, 1);
        while (at != 0)
        {
            _places.Add(at);
            _free = Math.Max(_free, at + ((Length(at) + 3) & ~3));
            at = (int)function.ReadConfiguration((uint)at + 1, 1);
        }

        int Length(int place) => (int)function.ReadConfiguration((uint)place, 1) == 0x11
            ? 12
            : (int)function.ReadConfiguration((uint)place + 2, 1);
    }

    /// <summary>A capability that tells where a structure is (virtio 1.4, 4.1.4).</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="bar">The base address that it is in.</param>
    /// <param name="offset">Where it begins there.</param>
    /// <param name="length">Its size in bytes.</param>
    /// <param name="more">Up to two more words, as notifications and shared memory have them.</param>
    public static byte[] Structure(byte kind, byte bar, uint offset, uint length, params uint[] more)
    {
        byte[] capability = new byte[16 + (4 * more.Length)];
        capability[0] = 9;
        capability[2] = (byte)capability.Length;
        capability[3] = kind;
        capability[4] = bar;
        BinaryPrimitives.WriteUInt32LittleEndian(capability.AsSpan(8), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(capability.AsSpan(12), length);
        for (int i = 0; i < more.Length; i++)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(capability.AsSpan(16 + (4 * i)), more[i]);
        }

        return capability;
    }

    /// <summary>A shared memory capability (virtio 1.4, 4.1.4.7).</summary>
    public static byte[] SharedMemory(byte id, byte bar, ulong offset, ulong length)
    {
        byte[] capability = Structure(
            8, bar, (uint)offset, (uint)length, (uint)(offset >> 32), (uint)(length >> 32));
        capability[5] = id;
        return capability;
    }

    /// <summary>Forges the IDs of vendor and device.</summary>
    public ForgedFunction Identify(int vendorId, int deviceId) =>
        Put(0, [(byte)vendorId, (byte)(vendorId >> 8), (byte)deviceId, (byte)(deviceId >> 8)]);

    /// <summary>Forges bytes anywhere.</summary>
    public ForgedFunction Put(int offset, ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            _forged[offset + i] = bytes[i];
        }

        return this;
    }

    /// <summary>Forges bytes of a capability of the function.</summary>
    /// <param name="index">Which one, in the order of the function's own list.</param>
    /// <param name="offset">Where in it.</param>
    /// <param name="bytes">What is read there.</param>
    public ForgedFunction Put(int index, int offset, ReadOnlySpan<byte> bytes) => Put(_places[index] + offset, bytes);

    /// <summary>Takes a capability out of the list.</summary>
    public ForgedFunction Remove(int index)
    {
        _places.RemoveAt(index);
        return Link();
    }

    /// <summary>Takes all capabilities out of the list; others may be put in their place.</summary>
    public ForgedFunction Clear()
    {
        _places.Clear();
        _free = CapabilitiesStart;
        return Link();
    }

    /// <summary>Puts capabilities into the list, before the one of that index.</summary>
    public ForgedFunction Insert(int index, params byte[][] capabilities)
    {
        foreach (byte[] capability in capabilities)
        {
            Put(_free, capability);
            _places.Insert(index++, _free);
            _free += (capability.Length + 3) & ~3;
        }

        return Link();
    }

    /// <summary>Puts capabilities at the end of the list.</summary>
    public ForgedFunction Add(params byte[][] capabilities) => Insert(_places.Count, capabilities);

    public override uint ReadConfiguration(uint offset, int width)
    {
        uint value = base.ReadConfiguration(offset, width);
        for (int i = 0; i < width; i++)
        {
            if (_forged[offset + i] is byte forged)
            {
                value = (value & ~(0xFFu << (8 * i))) | ((uint)forged << (8 * i));
            }
        }

        return value;
    }

    private ForgedFunction Link()
    {
        int link = FirstCapability;
        foreach (int place in _places)
        {
            _forged[link] = (byte)place;
            link = place + 1;
        }

        _forged[link] = 0;
        return this;
    }
}
