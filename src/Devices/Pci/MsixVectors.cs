using System;

namespace VirtioGuest.Devices.Pci;

/// <summary>A function's MSI-X table and pending bits (PCI 3.0, 6.8.2).</summary>
/// <remarks>
/// A vector that may not be sent becomes pending, and is sent once as soon as nothing masks it any more.
/// </remarks>
public sealed class MsixVectors
{
    /// <summary>The size of one entry in bytes.</summary>
    public const uint EntryLength = 16;

    private const uint WordsPerEntry = 4;
    private const uint ControlWord = 3;
    private const uint Masked = 1;

    private readonly uint[] _table;
    private readonly bool[] _pending;
    private readonly InterruptOutput _output;

    internal MsixVectors(int count, InterruptOutput output)
    {
        Count = count;
        _output = output;
        _table = new uint[count * (int)WordsPerEntry];
        _pending = new bool[count];
        for (int vector = 0; vector < count; vector++)
        {
            _table[(vector * WordsPerEntry) + ControlWord] = Masked;
        }
    }

    /// <summary>How many vectors there are.</summary>
    public int Count { get; }

    /// <summary>Whether the function signals by these vectors, and not by its pin.</summary>
    public bool IsEnabled { get; private set; }

    /// <summary>Whether a vector waits to be sent.</summary>
    public bool IsPending(int vector) => _pending[vector];

    internal uint TableLength => (uint)Count * EntryLength;

    /// <summary>The pending bits come in units of 64 bits.</summary>
    internal uint PendingLength => (uint)((Count + 63) / 64 * 8);

    private bool CanSend { get; set; }

    /// <summary>Takes over what configuration space says.</summary>
    internal void Update(bool isEnabled, bool isFunctionMasked, bool isBusMaster)
    {
        IsEnabled = isEnabled;
        CanSend = isEnabled && !isFunctionMasked && isBusMaster;
        SendPending();
    }

    internal void Trigger(int vector)
    {
        _pending[vector] = true;
        SendPending();
    }

    internal void ClearPending() => Array.Clear(_pending);

    internal uint ReadTable(uint offset) => _table[offset / 4];

    internal void WriteTable(uint offset, uint value)
    {
        _table[offset / 4] = value;
        SendPending();
    }

    internal uint ReadPending(uint offset)
    {
        uint bits = 0;
        for (uint bit = 0; bit < 32; bit++)
        {
            uint vector = (offset * 8) + bit;
            bits |= vector < Count && _pending[vector] ? 1u << (int)bit : 0;
        }

        return bits;
    }

    private void SendPending()
    {
        for (uint vector = 0; CanSend && vector < Count; vector++)
        {
            uint entry = vector * WordsPerEntry;
            if (_pending[vector] && (_table[entry + ControlWord] & Masked) == 0)
            {
                _pending[vector] = false;
                _output.SendMessage(_table[entry] | ((ulong)_table[entry + 1] << 32), _table[entry + 2]);
            }
        }
    }
}
