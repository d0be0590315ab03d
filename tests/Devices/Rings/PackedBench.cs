using System;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Rings;

/// <summary>A packed ring whose bytes the tests write themselves, and the device's side of it.</summary>
internal sealed class PackedBench : IDisposable
{
    public const ulong Ring = GuestRam.Base;
    public const ulong DriverEvent = GuestRam.Base + 0x80000;
    public const ulong DeviceEvent = GuestRam.Base + 0x80004;
    public const ulong Buffers = GuestRam.Base + 0x100000;

    public PackedBench(int size, ulong features = 0)
    {
        Size = size;
        Watched = new WatchedMemory(Ram.Regions);
        Queue = (PackedDeviceQueue)DeviceQueue.TryOpen(
            Watched,
            new QueueAreas(Ring, DriverEvent, DeviceEvent),
            size,
            features | FeatureBit.RingPacked,
            out _)!;
    }

    public int Size { get; }

    public GuestRam Ram { get; } = new();

    public WatchedMemory Watched { get; }

    public PackedDeviceQueue Queue { get; }

    public static ulong Slot(int slot) => Ring + (16 * (ulong)slot);

    /// <summary>Writes a descriptor with just these flags.</summary>
    public void Put(int slot, ulong address, uint length, int id, int flags)
    {
        Ram.Put64(Slot(slot), address);
        Ram.Put32(Slot(slot) + 8, length);
        Ram.Put16(Slot(slot) + 12, id);
        Ram.Put16(Slot(slot) + 14, flags);
    }

    /// <summary>
    /// Makes a chain of one-byte writable buffers available at a position counted from the ring's start.
    /// </summary>
    public void Offer(int position, int count, int id)
    {
        for (int i = count - 1; i >= 0; i--)
        {
            int at = position + i;
            int flags = (at / Size % 2 == 0 ? 0x80 : 0x8000) | (i + 1 < count ? 1 : 0) | 2;
            Put(at % Size, Buffers + (ulong)i, 1, i + 1 < count ? 0xBAD : id, flags);
        }
    }

    /// <summary>What stands in a slot: length, ID and flags.</summary>
    public (uint Length, int Id, int Flags) Get(int slot) =>
        (Ram.Get32(Slot(slot) + 8), Ram.Get16(Slot(slot) + 12), Ram.Get16(Slot(slot) + 14));

    public void SetDriverEvent(int place, int flags)
    {
        Ram.Put16(DriverEvent, place);
        Ram.Put16(DriverEvent + 2, flags);
    }

    public bool IsWrite((ulong Address, uint Length, GuestAccess Access) access) =>
        access.Access == GuestAccess.Write && access.Address < Ring + (16 * (ulong)Size);

    public void Dispose() => Ram.Dispose();
}
