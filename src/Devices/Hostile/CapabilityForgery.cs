using System;
using System.Collections.Generic;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Hostile;

/// <summary>Ties a function's capability lists into what no device should have.</summary>
internal sealed class CapabilityForgery
{
    private const int Length = 0x1000;
    private const int ListEnd = 0x100;
    private const int CapabilitiesPointer = 0x34;
    private const int Free = 0xE0;

    private readonly byte[] _bytes = new byte[Length];
    private readonly bool[] _isForged = new bool[Length];
    private readonly SeededRandom _random;

    /// <summary>Forges the lists of a function once.</summary>
    /// <param name="random">What its choices are drawn from.</param>
    /// <param name="truth">The configuration space as it is, all of it.</param>
    public CapabilityForgery(SeededRandom random, ReadOnlySpan<byte> truth)
    {
        _random = random;
        truth.CopyTo(_bytes);
        List<int> places = FindAll();
        for (int i = 1 + random.Below(3); i > 0 && places.Count != 0; i--)
        {
            Forge(places[random.Below(places.Count)], places);
        }
    }

    /// <summary>What is read at a place.</summary>
    public uint Read(uint offset, int width, uint truth)
    {
        for (int i = 0; i < width; i++)
        {
            if (_isForged[offset + i])
            {
                int shift = 8 * i;
                truth = (truth & ~(0xFFu << shift)) | ((uint)_bytes[offset + i] << shift);
            }
        }

        return truth;
    }

    private List<int> FindAll()
    {
        List<int> places = new List<int>();
        for (int at = _bytes[CapabilitiesPointer]; at != 0 && places.Count < 64; at = _bytes[at + 1])
        {
            places.Add(at);
        }

        return places;
    }

    private void Forge(int at, List<int> places)
    {
        switch (_random.Below(14))
        {
            case 0:
                // A loop, or a short cut.
                Put(at + 1, (byte)places[_random.Below(places.Count)]);
                break;
            case 1:
                // Into the middle of another one, the header, or nothing.
                Put(at + 1, (byte)_random.Edge());
                break;
            case 2:
                Put(CapabilitiesPointer, (byte)_random.Edge());
                break;
            case 3:
                Put(at, (byte)(_random.Chance(50) ? _random.Edge() : _random.Chance(50) ? 0x11u : 0x09));
                break;
            case 4:
                Put(at + 2, (byte)_random.Edge());
                break;
            case 5:
                Put(at + 3, (byte)_random.Below(11));
                break;
            case 6:
                Put(at + 4, (byte)(_random.Chance(50) ? _random.Below(8) : (int)_random.Edge()));
                break;
            case 7:
                Put32(at + 8, _random.Edge());
                break;
            case 8:
                Put32(at + 8, (uint)(0x1000 * _random.Below(5)) + (uint)_random.Below(5));
                break;
            case 9:
                Put32(at + 12, _random.Edge());
                break;
            case 10:
                // A multiplier, or the place of pending bits.
                Put32(at + 16, _random.Edge());
                break;
            case 11:
                // Moved to the end of the space, so that its own end is cut off.
                int place = ListEnd - 4 - (4 * _random.Below(5));
                _bytes.AsSpan(at, ListEnd - place).CopyTo(_bytes.AsSpan(place));
                _isForged.AsSpan(place, ListEnd - place).Fill(true);
                Put(CapabilitiesPointer, (byte)place);
                break;
            case 12:
                Put(at + _random.Below(24), (byte)_random.Bits());
                break;
            default:
                ForgeExtended();
                break;
        }
    }

    /// <summary>Gives the function a PCI Express capability, and extended ones that lead anywhere.</summary>
    private void ForgeExtended()
    {
        Put(Free, CapabilityId.Express);
        Put(Free + 1, _bytes[CapabilitiesPointer]);
        Put(CapabilitiesPointer, Free);
        uint at = ListEnd;
        for (int i = 1 + _random.Below(5); i > 0; i--)
        {
            uint next = _random.Chance(70) ? (uint)_random.Below(Length) & ~3u : _random.Edge() & 0xFFF;
            Put32((int)at, (next << 20) | ((uint)_random.Below(16) << 16) | (_random.Edge() & 0xFFFF));
            at = Math.Min(Math.Max(next & ~3u, ListEnd), Length - 4);
        }
    }

    private void Put(int offset, byte value)
    {
        if (offset < Length)
        {
            _bytes[offset] = value;
            _isForged[offset] = true;
        }
    }

    private void Put32(int offset, uint value)
    {
        for (int i = 0; i < 4; i++)
        {
            Put(offset + i, (byte)(value >> (8 * i)));
        }
    }
}
