using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Memory;

/// <summary>
/// The guest's memory as one device sees it: device addresses in, bytes out, and nothing outside what the guest has.
/// </summary>
/// <remarks>
/// A machine decides how addresses are translated: plain memory, a second processor's view of a weakly ordered one, the
/// far side of caches that nobody keeps coherent, or an IOMMU. Every access goes through <see cref="SharedMemory"/>, so
/// a <see cref="MemorySimulation"/> on the device's thread sees each one.
/// </remarks>
public abstract unsafe class GuestMemory
{
    private readonly bool _audits;

    /// <summary>Creates the view.</summary>
    /// <param name="audits">Whether <see cref="Audit"/> is to be called for every access.</param>
    protected GuestMemory(bool audits = false)
    {
        _audits = audits;
    }

    /// <summary>Finds the bytes behind a device address.</summary>
    /// <param name="deviceAddress">Any number, such as one that a driver gave.</param>
    /// <param name="length">How many bytes, at least 1.</param>
    /// <param name="access">What they are wanted for.</param>
    /// <param name="pointer">Where the first of them is, valid until the guest takes the memory away.</param>
    /// <returns>Whether the device may access all of them so.</returns>
    public abstract bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer);

    /// <summary>Whether the device may access a piece of memory.</summary>
    public bool IsReachable(ulong deviceAddress, ulong length, GuestAccess access) =>
        TryTranslate(deviceAddress, length, access, out _);

    /// <summary>Translates a piece of memory once, for many accesses.</summary>
    /// <returns>The piece, or null where the device may not access all of it so.</returns>
    public GuestArea? TryMap(ulong deviceAddress, uint length, GuestAccess access) =>
        TryTranslate(deviceAddress, length, access, out byte* pointer)
            ? new GuestArea(this, pointer, deviceAddress, length)
            : null;

    /// <summary>Copies bytes out of the guest's memory.</summary>
    /// <returns>Whether all of them could be read; if not, none was.</returns>
    public bool TryRead(ulong deviceAddress, Span<byte> into)
    {
        if (into.IsEmpty)
        {
            return true;
        }

        if (!TryTranslate(deviceAddress, (ulong)into.Length, GuestAccess.Read, out byte* pointer))
        {
            return false;
        }

        Note(deviceAddress, (uint)into.Length, GuestAccess.Read);
        fixed (byte* target = into)
        {
            if (IsSimulated)
            {
                ReadInSteps(pointer, target, (uint)into.Length);
            }
            else
            {
                Buffer.MemoryCopy(pointer, target, into.Length, into.Length);
            }
        }

        return true;
    }

    /// <summary>Copies bytes into the guest's memory.</summary>
    /// <returns>Whether all of them could be written; if not, none was.</returns>
    public bool TryWrite(ulong deviceAddress, ReadOnlySpan<byte> from)
    {
        if (from.IsEmpty)
        {
            return true;
        }

        if (!TryTranslate(deviceAddress, (ulong)from.Length, GuestAccess.Write, out byte* pointer))
        {
            return false;
        }

        Note(deviceAddress, (uint)from.Length, GuestAccess.Write);
        fixed (byte* source = from)
        {
            if (IsSimulated)
            {
                WriteInSteps(source, pointer, (uint)from.Length);
            }
            else
            {
                Buffer.MemoryCopy(source, pointer, from.Length, from.Length);
            }
        }

        return true;
    }

    /// <summary>Told of every access before it is made, where the constructor asked for it.</summary>
    protected internal virtual void Audit(ulong deviceAddress, uint length, GuestAccess access)
    {
    }

    internal void Note(ulong deviceAddress, uint length, GuestAccess access)
    {
        if (_audits)
        {
            Audit(deviceAddress, length, access);
        }
    }

    private static bool IsSimulated => MemorySimulation.IsSupported && MemorySimulation.Current != null;

    private static void ReadInSteps(byte* from, byte* into, uint length)
    {
        for (uint at = 0; at < length;)
        {
            uint step = Step(from + at, length - at);
            ulong value = step switch
            {
                8 => SharedMemory.Load64(from, at),
                4 => SharedMemory.Load32(from, at),
                2 => SharedMemory.Load16(from, at),
                _ => SharedMemory.Load8(from, at),
            };
            Buffer.MemoryCopy(&value, into + at, step, step);
            at += step;
        }
    }

    private static void WriteInSteps(byte* from, byte* into, uint length)
    {
        for (uint at = 0; at < length;)
        {
            uint step = Step(into + at, length - at);
            ulong value = 0;
            Buffer.MemoryCopy(from + at, &value, step, step);
            switch (step)
            {
                case 8:
                    SharedMemory.Store64(into, at, value);
                    break;
                case 4:
                    SharedMemory.Store32(into, at, (uint)value);
                    break;
                case 2:
                    SharedMemory.Store16(into, at, (ushort)value);
                    break;
                default:
                    SharedMemory.Store8(into, at, (byte)value);
                    break;
            }

            at += step;
        }
    }

    /// <summary>The widest aligned access that fits.</summary>
    private static uint Step(byte* at, uint left)
    {
        uint step = 8;
        while (step > left || ((nuint)at & (step - 1)) != 0)
        {
            step /= 2;
        }

        return step;
    }
}

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

/// <summary>What a device wants to do with a piece of the guest's memory.</summary>
public enum GuestAccess
{
    /// <summary>Only read it.</summary>
    Read = 1,

    /// <summary>Only write it.</summary>
    Write = 2,

    /// <summary>Read and write it.</summary>
    ReadWrite = 3,
}
