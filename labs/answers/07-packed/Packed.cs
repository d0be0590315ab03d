using System;
using System.Collections.Generic;
using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 7: a packed queue.</summary>
public sealed class Packed : PackedQueue
{
    private const ushort Next = 1;
    private const ushort Write = 2;
    private const ushort Available = 1 << 7;
    private const ushort Used = 1 << 15;

    private const ushort NotifyNever = 1;
    private const ushort NotifyAtDescriptor = 2;

    private readonly Stack<ushort> _freeIds = new();
    private PackedRing _ring = null!;
    private int[] _tokens = [];
    private int[] _lengths = [];
    private int _free;
    private int _next;
    private bool _wrap = true;
    private int _nextUsed;
    private bool _usedWrap = true;
    private int _added;

    public override void Attach(PackedRing ring)
    {
        _ring = ring;
        _free = ring.Size;
        _tokens = new int[ring.Size];
        _lengths = new int[ring.Size];
        for (ushort id = 0; id < ring.Size; id++)
        {
            _freeIds.Push(id);
        }
    }

    public override bool TryAdd(ReadOnlySpan<BufferPart> parts, int token)
    {
        if (parts.Length > _free)
        {
            return false;
        }

        ushort id = _freeIds.Pop();
        _tokens[id] = token;
        _lengths[id] = parts.Length;
        int head = _next;
        ushort headFlags = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            uint place = 16u * (uint)_next;
            _ring.Descriptors.Store64(place, parts[i].Address);
            _ring.Descriptors.Store32(place + 8, parts[i].Length);
            _ring.Descriptors.Store16(place + 12, id);
            int flags = (i + 1 < parts.Length ? Next : 0)
                | (parts[i].IsForDeviceToWrite ? Write : 0)
                | (_wrap ? Available : Used);
            if (i == 0)
            {
                headFlags = (ushort)flags;
            }
            else
            {
                _ring.Descriptors.Store16(place + 14, (ushort)flags);
            }

            _next++;
            if (_next == _ring.Size)
            {
                _next = 0;
                _wrap = !_wrap;
            }
        }

        // With this store the device sees the whole list.
        _ring.Descriptors.StoreRelease16((16u * (uint)head) + 14, headFlags);
        _free -= parts.Length;
        _added += parts.Length;
        return true;
    }

    public override bool IsNotificationDue()
    {
        Barrier.Full();
        int added = _added;
        _added = 0;
        ushort flags = (ushort)(_ring.DeviceEvents.LoadAcquire16(2) & 3);
        if (flags != NotifyAtDescriptor)
        {
            return flags != NotifyNever;
        }

        // Positions run through two rounds of the ring: the first with wrap counter 1, the second with 0.
        ushort asked = _ring.DeviceEvents.Load16(0);
        int askedPosition = (asked & 0x7FFF) + ((asked & 0x8000) != 0 ? 0 : _ring.Size);
        int position = _next + (_wrap ? 0 : _ring.Size);
        int behind = position - askedPosition - 1;
        return (behind < 0 ? behind + (2 * _ring.Size) : behind) < added;
    }

    public override bool TryTake(out int token, out uint length)
    {
        token = 0;
        length = 0;
        uint place = 16u * (uint)_nextUsed;
        ushort flags = _ring.Descriptors.LoadAcquire16(place + 14);
        bool isAvailable = (flags & Available) != 0;
        bool isUsed = (flags & Used) != 0;
        if (isAvailable != isUsed || isUsed != _usedWrap)
        {
            return false;
        }

        ushort id = _ring.Descriptors.Load16(place + 12);
        length = _ring.Descriptors.Load32(place + 8);
        token = _tokens[id];
        _freeIds.Push(id);
        _free += _lengths[id];
        _nextUsed += _lengths[id];
        if (_nextUsed >= _ring.Size)
        {
            _nextUsed -= _ring.Size;
            _usedWrap = !_usedWrap;
        }

        return true;
    }
}
