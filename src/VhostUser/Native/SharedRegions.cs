using System;
using System.Collections.Generic;
using System.IO;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.VhostUser.Native;

/// <summary>The guest's memory, as a front end shares it.</summary>
internal sealed unsafe class SharedRegions : IDisposable
{
    private readonly RegionMemory _memory;
    private readonly List<Region> _regions = [];

    /// <param name="memory">How the device sees it.</param>
    public SharedRegions(RegionMemory memory)
    {
        _memory = memory;
    }

    /// <summary>Maps a region, and lets the device access it.</summary>
    /// <param name="descriptor">The file that it is in; is closed.</param>
    /// <param name="guestAddress">Where the guest has it.</param>
    /// <param name="length">How many bytes it has.</param>
    /// <param name="frontEndAddress">Where the front end has it.</param>
    /// <param name="offset">Where it begins in the file.</param>
    /// <exception cref="InvalidDataException">It is not all in the file, or overlaps another.</exception>
    public void Add(int descriptor, ulong guestAddress, ulong length, ulong frontEndAddress, ulong offset)
    {
        try
        {
            ulong mapped = offset + length;
            ulong file = descriptor < 0 ? 0 : (ulong)Posix.LengthOf(descriptor);
            if (length == 0 || mapped < length || mapped > file)
            {
                throw new InvalidDataException(
                    $"memory of {length} bytes from {offset} on is shared in a file of {file} bytes");
            }

            byte* address = Posix.Map(descriptor, mapped);
            try
            {
                _memory.Add(address + offset, guestAddress, length);
            }
            catch (ArgumentException)
            {
                Posix.Unmap(address, mapped);
                throw new InvalidDataException($"memory at {guestAddress:x} overlaps other memory");
            }

            _regions.Add(new Region((nint)address, mapped, guestAddress, length, frontEndAddress));
        }
        finally
        {
            Posix.Close(descriptor);
        }
    }

    /// <summary>Finds where the guest has what the front end has at an address.</summary>
    /// <exception cref="InvalidDataException">It is not shared.</exception>
    public ulong ToGuest(ulong frontEndAddress)
    {
        foreach (Region region in _regions)
        {
            if (frontEndAddress >= region.FrontEndAddress && frontEndAddress - region.FrontEndAddress < region.Length)
            {
                return region.GuestAddress + (frontEndAddress - region.FrontEndAddress);
            }
        }

        throw new InvalidDataException($"a queue is at {frontEndAddress:x}, which is not shared");
    }

    /// <summary>Takes all memory away from the device.</summary>
    public void Clear()
    {
        foreach (Region region in _regions)
        {
            _memory.Remove(region.GuestAddress);
            Posix.Unmap((byte*)region.Address, region.Mapped);
        }

        _regions.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => Clear();

    private readonly record struct Region(
        nint Address, ulong Mapped, ulong GuestAddress, ulong Length, ulong FrontEndAddress);
}
