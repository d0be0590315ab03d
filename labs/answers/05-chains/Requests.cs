using System.Collections.Generic;
using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 5: many requests at once, which come back in any order.</summary>
public sealed class Requests : RequestQueue
{
    private const ushort QueueIndex = 0;
    private const byte DriverOk = 4;
    private const ushort Next = 1;
    private const ushort Write = 2;
    private const ushort Parts = 3;

    private const uint SectorLength = 512;
    private const uint HeaderLength = 16;
    private const uint DataOffset = 16;
    private const uint StatusOffset = DataOffset + SectorLength;
    private const uint RequestLength = 544;

    private readonly Stack<ushort> _free = new();
    private VirtioFunction _device = null!;
    private DmaBlock _descriptors = null!;
    private DmaBlock _available = null!;
    private DmaBlock _used = null!;
    private DmaBlock _requests = null!;
    private int[] _tokens = [];
    private ushort _size;
    private uint _notifyPlace;
    private ushort _availableIndex;
    private ushort _usedIndex;

    public override void Start(LabMachine machine, VirtioFunction device, ushort size)
    {
        _device = device;
        _size = size;
        RegisterRegion common = device.Common;
        common.Write16(CommonOffset.QueueSelect, QueueIndex);
        common.Write16(CommonOffset.QueueSize, size);
        _descriptors = machine.Allocate(16u * size, 16);
        _available = machine.Allocate(6 + (2u * size), 2);
        _used = machine.Allocate(6 + (8u * size), 4);

        // Request n has the descriptors 3n, 3n + 1 and 3n + 2 for good, and memory of its own.
        ushort count = (ushort)(size / Parts);
        _requests = machine.Allocate(RequestLength * count, 16);
        _tokens = new int[count];
        for (ushort request = 0; request < count; request++)
        {
            _free.Push(request);
        }

        WriteAddress(CommonOffset.QueueDescriptor, _descriptors.DeviceAddress);
        WriteAddress(CommonOffset.QueueDriver, _available.DeviceAddress);
        WriteAddress(CommonOffset.QueueDevice, _used.DeviceAddress);
        _notifyPlace = common.Read16(CommonOffset.QueueNotifyOffset) * device.NotifyMultiplier;
        common.Write16(CommonOffset.QueueEnable, 1);
        byte status = common.Read8(CommonOffset.DeviceStatus);
        common.Write8(CommonOffset.DeviceStatus, (byte)(status | DriverOk));
    }

    public override bool TrySubmit(ulong sector, int token)
    {
        if (_free.Count == 0)
        {
            return false;
        }

        ushort request = _free.Pop();
        _tokens[request] = token;
        uint place = RequestLength * request;
        _requests.Store32(place, 0);
        _requests.Store32(place + 4, 0);
        _requests.Store64(place + 8, sector);

        ushort head = (ushort)(Parts * request);
        Describe(head, place, HeaderLength, Next);
        Describe((ushort)(head + 1), place + DataOffset, SectorLength, Next | Write);
        Describe((ushort)(head + 2), place + StatusOffset, 1, Write);

        _available.Store16(4 + (2u * (uint)(_availableIndex % _size)), head);
        _availableIndex++;
        _available.StoreRelease16(2, _availableIndex);
        Barrier.Full();
        if ((_used.Load16(0) & 1) == 0)
        {
            _device.Notify.Write16(_notifyPlace, QueueIndex);
        }

        return true;
    }

    public override bool TryComplete(out int token, out byte[]? data)
    {
        token = 0;
        data = null;
        if (_used.LoadAcquire16(2) == _usedIndex)
        {
            return false;
        }

        uint head = _used.Load32(4 + (8u * (uint)(_usedIndex % _size)));
        _usedIndex++;
        ushort request = (ushort)(head / Parts);
        uint place = RequestLength * request;
        token = _tokens[request];
        data = _requests.Load8(place + StatusOffset) == 0 ? _requests.Read(place + DataOffset, SectorLength) : null;
        _free.Push(request);
        return true;
    }

    private void Describe(ushort slot, uint offset, uint length, ushort flags)
    {
        uint place = 16u * slot;
        _descriptors.Store64(place, _requests.DeviceAddress + offset);
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
