using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 4: reads sectors of a disk, one at a time.</summary>
public sealed class Disk : SectorReader
{
    private const ushort QueueIndex = 0;
    private const byte DriverOk = 4;
    private const ushort Next = 1;
    private const ushort Write = 2;

    private const uint SectorLength = 512;
    private const uint HeaderLength = 16;
    private const uint DataOffset = 16;
    private const uint StatusOffset = DataOffset + SectorLength;
    private const uint ReadRequest = 0;
    private const byte Success = 0;

    private LabMachine _machine = null!;
    private VirtioFunction _device = null!;
    private DmaBlock _descriptors = null!;
    private DmaBlock _available = null!;
    private DmaBlock _used = null!;
    private DmaBlock _request = null!;
    private ushort _size;
    private uint _notifyPlace;
    private ushort _availableIndex;
    private ushort _usedIndex;

    public override void Start(LabMachine machine, VirtioFunction device)
    {
        _machine = machine;
        _device = device;
        RegisterRegion common = device.Common;
        common.Write16(CommonOffset.QueueSelect, QueueIndex);
        _size = common.Read16(CommonOffset.QueueSize);
        _descriptors = machine.Allocate(16u * _size, 16);
        _available = machine.Allocate(6 + (2u * _size), 2);
        _used = machine.Allocate(6 + (8u * _size), 4);
        _request = machine.Allocate(StatusOffset + 1, 16);
        WriteAddress(CommonOffset.QueueDescriptor, _descriptors.DeviceAddress);
        WriteAddress(CommonOffset.QueueDriver, _available.DeviceAddress);
        WriteAddress(CommonOffset.QueueDevice, _used.DeviceAddress);
        _notifyPlace = common.Read16(CommonOffset.QueueNotifyOffset) * device.NotifyMultiplier;
        common.Write16(CommonOffset.QueueEnable, 1);
        byte status = common.Read8(CommonOffset.DeviceStatus);
        common.Write8(CommonOffset.DeviceStatus, (byte)(status | DriverOk));
    }

    public override ulong ReadCapacity()
    {
        while (true)
        {
            byte before = _device.Common.Read8(CommonOffset.ConfigurationGeneration);
            ulong low = _device.Specific!.Read32(0);
            ulong high = _device.Specific.Read32(4);
            if (_device.Common.Read8(CommonOffset.ConfigurationGeneration) == before)
            {
                return low | (high << 32);
            }
        }
    }

    public override byte[]? ReadSector(ulong sector)
    {
        _request.Store32(0, ReadRequest);
        _request.Store32(4, 0);
        _request.Store64(8, sector);
        Describe(0, 0, HeaderLength, Next);
        Describe(1, DataOffset, SectorLength, Next | Write);
        Describe(2, StatusOffset, 1, Write);

        _available.Store16(4 + (2u * (uint)(_availableIndex % _size)), 0);
        _availableIndex++;
        _available.StoreRelease16(2, _availableIndex);
        Barrier.Full();
        _device.Notify.Write16(_notifyPlace, QueueIndex);

        while (_used.LoadAcquire16(2) == _usedIndex)
        {
            _machine.Pause();
        }

        _usedIndex++;
        return _request.Load8(StatusOffset) == Success ? _request.Read(DataOffset, SectorLength) : null;
    }

    private void Describe(ushort slot, uint offset, uint length, ushort flags)
    {
        uint place = 16u * slot;
        _descriptors.Store64(place, _request.DeviceAddress + offset);
        _descriptors.Store32(place + 8, length);
        _descriptors.Store16(place + 12, flags);
        _descriptors.Store16(place + 14, (ushort)((flags & Next) != 0 ? slot + 1 : 0));
    }

    private void WriteAddress(uint register, ulong address)
    {
        _device.Common.Write32(register, (uint)address);
        _device.Common.Write32(register + 4, (uint)(address >> 32));
    }
}
