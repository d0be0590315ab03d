using System;
using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 3: reads random bytes through a split queue, one buffer at a time.</summary>
public sealed class Source : RandomSource
{
    private const ushort QueueIndex = 0;
    private const byte DriverOk = 4;
    private const ushort Write = 2;
    private const uint MostBytes = 256;

    private const uint AvailableIndex = 2;
    private const uint AvailableRing = 4;
    private const uint UsedIndex = 2;
    private const uint UsedRing = 4;

    private LabMachine _machine = null!;
    private VirtioFunction _device = null!;
    private DmaBlock _descriptors = null!;
    private DmaBlock _available = null!;
    private DmaBlock _used = null!;
    private DmaBlock _buffer = null!;
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
        _buffer = machine.Allocate(MostBytes, 16);
        WriteAddress(CommonOffset.QueueDescriptor, _descriptors.DeviceAddress);
        WriteAddress(CommonOffset.QueueDriver, _available.DeviceAddress);
        WriteAddress(CommonOffset.QueueDevice, _used.DeviceAddress);
        _notifyPlace = common.Read16(CommonOffset.QueueNotifyOffset) * device.NotifyMultiplier;
        common.Write16(CommonOffset.QueueEnable, 1);
        byte status = common.Read8(CommonOffset.DeviceStatus);
        common.Write8(CommonOffset.DeviceStatus, (byte)(status | DriverOk));
    }

    public override byte[] Read(int count)
    {
        _descriptors.Store64(0, _buffer.DeviceAddress);
        _descriptors.Store32(8, (uint)count);
        _descriptors.Store16(12, Write);
        _descriptors.Store16(14, 0);

        _available.Store16(AvailableRing + (2u * (uint)(_availableIndex % _size)), 0);
        _availableIndex++;
        _available.StoreRelease16(AvailableIndex, _availableIndex);
        Barrier.Full();
        _device.Notify.Write16(_notifyPlace, QueueIndex);

        while (_used.LoadAcquire16(UsedIndex) == _usedIndex)
        {
            _machine.Pause();
        }

        uint length = _used.Load32(UsedRing + (8u * (uint)(_usedIndex % _size)) + 4);
        _usedIndex++;
        return _buffer.Read(0, Math.Min(length, (uint)count));
    }

    private void WriteAddress(uint register, ulong address)
    {
        _device.Common.Write32(register, (uint)address);
        _device.Common.Write32(register + 4, (uint)(address >> 32));
    }
}
