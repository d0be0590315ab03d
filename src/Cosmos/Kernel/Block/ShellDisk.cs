using System.Collections.Generic;
using VirtioGuest.Commands.Block;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
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

    public override int QueueCount => _disk.Device.QueueCount;

    public override bool IsWriteback => _disk.Device.IsWriteback;

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

    public override Failure? ReadId(out string id)
    {
        _memory.Check();
        var answer = new byte[VirtioBlock.IdLength];
        Failure? failure = _disk.TryAsk(BlockOperation.GetId, answer);
        id = failure is null ? VirtioBlock.ParseId(answer) : string.Empty;
        return failure;
    }

    public override Failure? ReadLifetime(out string lifetime)
    {
        _memory.Check();
        var answer = new byte[BlockLifetime.Length];
        Failure? failure = _disk.TryAsk(BlockOperation.GetLifetime, answer);
        lifetime = failure is null ? BlockLifetime.Parse(answer).ToString() : string.Empty;
        return failure;
    }

    private static ulong Sectors(byte[] data) => (uint)data.Length / SectorSize;
}
