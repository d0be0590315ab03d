using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Memory;

/// <summary>A piece of the guest's memory that a device has translated once, such as a part of a virtqueue.</summary>
/// <remarks>
/// An offset outside the piece throws <see cref="ArgumentOutOfRangeException"/>: it is a bug of the device, which has
/// checked what the driver said before.
/// </remarks>
public sealed unsafe class GuestArea
{
    private readonly GuestMemory _memory;
    private readonly byte* _pointer;

    internal GuestArea(GuestMemory memory, byte* pointer, ulong deviceAddress, uint length)
    {
        _memory = memory;
        _pointer = pointer;
        DeviceAddress = deviceAddress;
        Length = length;
    }

    /// <summary>Where the device sees it.</summary>
    public ulong DeviceAddress { get; }

    /// <summary>Its size in bytes.</summary>
    public uint Length { get; }

    /// <summary>Reads 16 bits.</summary>
    public ushort Load16(uint offset) => SharedMemory.Load16(At(offset, 2, GuestAccess.Read), 0);

    /// <summary>Reads 32 bits.</summary>
    public uint Load32(uint offset) => SharedMemory.Load32(At(offset, 4, GuestAccess.Read), 0);

    /// <summary>Reads 64 bits, possibly as two accesses.</summary>
    public ulong Load64(uint offset) => SharedMemory.Load64(At(offset, 8, GuestAccess.Read), 0);

    /// <summary>Reads 16 bits before anything that follows.</summary>
    public ushort LoadAcquire16(uint offset, AccessSite site) =>
        SharedMemory.LoadAcquire16(At(offset, 2, GuestAccess.Read), 0, site);

    /// <summary>Writes 16 bits.</summary>
    public void Store16(uint offset, ushort value) => SharedMemory.Store16(At(offset, 2, GuestAccess.Write), 0, value);

    /// <summary>Writes 32 bits.</summary>
    public void Store32(uint offset, uint value) => SharedMemory.Store32(At(offset, 4, GuestAccess.Write), 0, value);

    /// <summary>Writes 16 bits after everything that came before.</summary>
    public void StoreRelease16(uint offset, ushort value, AccessSite site) =>
        SharedMemory.StoreRelease16(At(offset, 2, GuestAccess.Write), 0, value, site);

    private byte* At(uint offset, uint width, GuestAccess access)
    {
        if (offset > Length || width > Length - offset)
        {
            throw new ArgumentOutOfRangeException(nameof(offset));
        }

        _memory.Note(DeviceAddress + offset, width, access);
        return _pointer + offset;
    }
}
