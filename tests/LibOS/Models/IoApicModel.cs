using System.Collections.Generic;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Tests.Models;

/// <summary>
/// An I/O APIC as the 82093AA data sheet describes it: registers behind an index, an edge on a masked input is ignored,
/// and a level-triggered input that was delivered waits for its EOI (remote IRR).
/// </summary>
internal sealed class IoApicModel : IRegisterModel
{
    private const uint Masked = 1 << 16;
    private const uint Level = 1 << 15;
    private const uint RemoteIrr = 1 << 14;

    private readonly uint[] _low;
    private readonly uint[] _high;
    private readonly bool[] _lines;
    private readonly bool[] _edges;
    private uint _index;

    public IoApicModel(int inputs = 24)
    {
        _low = new uint[inputs];
        _high = new uint[inputs];
        _lines = new bool[inputs];
        _edges = new bool[inputs];

        // As firmware may leave it: everything open.
        System.Array.Fill(_low, 0x31u);
    }

    /// <summary>The vectors that were sent, and to which processor.</summary>
    public Queue<(uint Vector, uint Processor)> Sent { get; } = [];

    /// <summary>Whether an entry was open while its two halves did not fit together.</summary>
    public bool WasTorn { get; private set; }

    public uint Low(int input) => _low[input];

    public uint High(int input) => _high[input];

    public uint Read(uint offset)
    {
        if (offset == 0)
        {
            return _index;
        }

        return _index switch
        {
            1 => 0x20 | (((uint)_low.Length - 1) << 16),
            >= 0x10 when (_index - 0x10) / 2 < _low.Length =>
                _index % 2 == 0 ? _low[(_index - 0x10) / 2] : _high[(_index - 0x10) / 2],
            _ => 0,
        };
    }

    public void Write(uint offset, uint value)
    {
        if (offset == 0)
        {
            _index = value & 0xFF;
            return;
        }

        var input = (int)(_index - 0x10) / 2;
        if (_index < 0x10 || input >= _low.Length)
        {
            return;
        }

        if (_index % 2 == 1)
        {
            WasTorn |= (_low[input] & Masked) == 0;
            _high[input] = value;
            return;
        }

        // Remote IRR can only be read, and means nothing on an edge-triggered input.
        _low[input] = (value & ~RemoteIrr) | ((value & Level) != 0 ? _low[input] & RemoteIrr : 0);
        Deliver(input);
    }

    /// <summary>A device drives its line.</summary>
    public void Drive(int input, bool isHigh)
    {
        _edges[input] = isHigh && !_lines[input] && (_low[input] & Masked) == 0;
        _lines[input] = isHigh;
        Deliver(input);
    }

    /// <summary>The local APIC broadcasts the end of a vector.</summary>
    public void End(uint vector)
    {
        for (int input = 0; input < _low.Length; input++)
        {
            if ((_low[input] & 0xFF) == vector)
            {
                _low[input] &= ~RemoteIrr;
                Deliver(input);
            }
        }
    }

    private void Deliver(int input)
    {
        bool isLevel = (_low[input] & Level) != 0;
        bool asks = isLevel ? _lines[input] && (_low[input] & RemoteIrr) == 0 : _edges[input];
        _edges[input] = false;
        if (asks && (_low[input] & Masked) == 0)
        {
            _low[input] |= isLevel ? RemoteIrr : 0;
            Sent.Enqueue((_low[input] & 0xFF, _high[input] >> 24));
        }
    }
}
