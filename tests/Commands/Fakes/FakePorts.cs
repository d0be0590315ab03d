using System;
using System.Collections.Generic;
using System.Text;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>A port space with a firmware configuration device in it, or with nothing.</summary>
internal sealed class FakePorts(byte absentValue) : PortSpace
{
    private readonly Dictionary<ushort, byte[]> _items = [];
    private byte[] _selected = [];
    private int _offset;
    private bool _hasDevice;

    public int Reads { get; private set; }

    /// <summary>Puts the device in, with its files.</summary>
    public void AddDevice(params (string Name, byte[] Content)[] files)
    {
        _hasDevice = true;
        _items[0] = Encoding.ASCII.GetBytes("QEMU");
        var directory = new List<byte>();
        Append32(directory, (uint)files.Length);
        ushort key = 0x20;
        foreach ((string name, byte[] content) in files)
        {
            Append32(directory, (uint)content.Length);
            directory.Add((byte)(key >> 8));
            directory.Add((byte)key);
            directory.AddRange([0, 0]);
            byte[] field = new byte[56];
            Encoding.ASCII.GetBytes(name, field);
            directory.AddRange(field);
            _items[key++] = content;
        }

        _items[0x19] = [.. directory];
    }

    public void SetItem(ushort key, byte[] content) => _items[key] = content;

    public override byte Read8(ushort port)
    {
        Reads++;
        if (port != 0x511 || !_hasDevice)
        {
            return absentValue;
        }

        return _offset < _selected.Length ? _selected[_offset++] : (byte)0;
    }

    public override ushort Read16(ushort port) => throw new NotSupportedException();

    public override uint Read32(ushort port) => throw new NotSupportedException();

    public override void Write8(ushort port, byte value) => throw new NotSupportedException();

    public override void Write16(ushort port, ushort value)
    {
        if (port == 0x510)
        {
            _selected = _items.TryGetValue(value, out byte[]? item) ? item : [];
            _offset = 0;
        }
    }

    public override void Write32(ushort port, uint value) => throw new NotSupportedException();

    private static void Append32(List<byte> bytes, uint value) =>
        bytes.AddRange([(byte)(value >> 24), (byte)(value >> 16), (byte)(value >> 8), (byte)value]);
}
