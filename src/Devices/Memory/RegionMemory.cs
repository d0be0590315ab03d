using System;
using System.Collections.Generic;

namespace VirtioGuest.Devices.Memory;

/// <summary>Guest memory that is made of registered regions, each anywhere in this process.</summary>
/// <remarks>
/// A piece that crosses from one region into another is refused, even where they touch. Registering is not meant to run
/// beside translating.
/// </remarks>
public sealed unsafe class RegionMemory : GuestMemory
{
    private readonly List<Region> _regions = new List<Region>();
    private Region? _last;

    /// <summary>Lets the device access a region from now on.</summary>
    /// <param name="address">Where it is in this process; it stays there until <see cref="Remove"/>.</param>
    /// <param name="deviceAddress">Where the device sees it.</param>
    /// <param name="length">Its size in bytes, at least 1.</param>
    /// <param name="access">What the device may do with it.</param>
    /// <exception cref="ArgumentException">It overlaps another, or wraps around the address space.</exception>
    public void Add(byte* address, ulong deviceAddress, ulong length, GuestAccess access = GuestAccess.ReadWrite)
    {
        if (length == 0 || deviceAddress > ulong.MaxValue - (length - 1))
        {
            throw new ArgumentException("A region has at least one byte and does not wrap.", nameof(length));
        }

        foreach (Region region in _regions)
        {
            if (deviceAddress <= region.Last && deviceAddress + (length - 1) >= region.First)
            {
                throw new ArgumentException("A region overlaps another.", nameof(deviceAddress));
            }
        }

        _regions.Add(new Region(address, deviceAddress, length, access));
    }

    /// <summary>Takes a region away from the device.</summary>
    /// <param name="deviceAddress">Its first device address.</param>
    /// <returns>Whether there was one.</returns>
    public bool Remove(ulong deviceAddress)
    {
        _last = null;
        return _regions.RemoveAll(region => region.First == deviceAddress) != 0;
    }

    /// <inheritdoc/>
    public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer)
    {
        Region? region = _last;
        if (region == null || !region.Holds(deviceAddress, length))
        {
            region = Find(deviceAddress, length);
            _last = region ?? _last;
        }

        if (region == null || (access & ~region.Access) != 0)
        {
            pointer = null;
            return false;
        }

        pointer = region.Address + (deviceAddress - region.First);
        return true;
    }

    private Region? Find(ulong deviceAddress, ulong length)
    {
        foreach (Region region in _regions)
        {
            if (region.Holds(deviceAddress, length))
            {
                return region;
            }
        }

        return null;
    }

    private sealed class Region
    {
        private readonly ulong _length;

        public Region(byte* address, ulong first, ulong length, GuestAccess access)
        {
            Address = address;
            First = first;
            _length = length;
            Access = access;
        }

        public byte* Address { get; }

        public ulong First { get; }

        public ulong Last => First + (_length - 1);

        public GuestAccess Access { get; }

        public bool Holds(ulong deviceAddress, ulong length) => length != 0 && deviceAddress >= First
            && deviceAddress - First < _length && length <= _length - (deviceAddress - First);
    }
}
