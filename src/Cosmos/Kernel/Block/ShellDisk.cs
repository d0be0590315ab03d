using System.Collections.Generic;
using VirtioGuest.Commands.Block;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Kernel.Block;

/// <summary>A virtio disk as commands see it.</summary>
internal sealed class ShellDisk : SectorDevice
{
    private readonly DiskAccess _disk;
    private readonly MemoryKeeper _memory;

    internal ShellDisk(DiskAccess disk, MemoryKeeper memory)
        : base(disk.Device.Name)
    {
        _disk = disk;
        _memory = memory;
    }

    public override ulong SectorCount => _disk.SectorCount;

    public override uint BlockSize => _disk.Device.BlockSize;

    public override bool IsReadOnly => _disk.Device.IsReadOnly;

    // A device that was reset, or has to be, is started by the next call.
    public override bool IsUsable => _disk.Device.State != DeviceState.Abandoned;

    internal static SectorDevice[] Of(List<VirtioBlockDevice> disks, MemoryKeeper memory)
    {
        var shown = new SectorDevice[disks.Count];
        for (int i = 0; i < shown.Length; i++)
        {
            shown[i] = new ShellDisk(disks[i].Disk, memory);
        }

        return shown;
    }

    public override Failure? Read(ulong firstSector, byte[] destination)
    {
        _memory.Check();
        ulong count = Sectors(destination);
        return Contains(firstSector, count) ? _disk.TryRead(firstSector, count, destination) : OutOfRange;
    }

    public override Failure? Write(ulong firstSector, byte[] source)
    {
        _memory.Check();
        ulong count = Sectors(source);
        return Contains(firstSector, count) ? _disk.TryWrite(firstSector, count, source) : OutOfRange;
    }

    public override Failure? Flush() => _disk.TryFlush();

    private static ulong Sectors(byte[] data) => (uint)data.Length / SectorSize;
}
