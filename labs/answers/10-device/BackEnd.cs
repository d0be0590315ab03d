using System;
using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 10: the device's side of an entropy device.</summary>
public sealed class BackEnd : EntropyBackEnd
{
    private const uint Index = 2;
    private const uint Entries = 4;
    private const ushort Next = 1;
    private const ushort Write = 2;
    private const ushort NoInterrupt = 1;
    private const uint LargestPart = 1 << 16;

    private SplitRing _ring = null!;
    private DriverMemory _memory = null!;
    private ushort _availableIndex;
    private ushort _usedIndex;

    public override void Attach(SplitRing ring, DriverMemory memory)
    {
        _ring = ring;
        _memory = memory;
    }

    public override BackEndAnswer Serve(Action<byte[]> random)
    {
        bool isAnyUsed = false;
        while (true)
        {
            ushort index = _ring.Available.LoadAcquire16(Index);
            if (index == _availableIndex)
            {
                break;
            }

            if ((ushort)(index - _availableIndex) > _ring.Size)
            {
                return BackEndAnswer.NeedsReset;
            }

            ushort head = _ring.Available.Load16(Entries + (2u * (uint)(_availableIndex % _ring.Size)));
            if (!TryFill(head, random, out uint length))
            {
                return BackEndAnswer.NeedsReset;
            }

            _availableIndex++;
            uint entry = Entries + (8u * (uint)(_usedIndex % _ring.Size));
            _ring.Used.Store32(entry, head);
            _ring.Used.Store32(entry + 4, length);
            _usedIndex++;
            _ring.Used.StoreRelease16(Index, _usedIndex);
            isAnyUsed = true;
        }

        if (!isAnyUsed)
        {
            return BackEndAnswer.Nothing;
        }

        Barrier.Full();
        return (_ring.Available.Load16(0) & NoInterrupt) != 0 ? BackEndAnswer.Nothing : BackEndAnswer.Interrupt;
    }

    private bool TryFill(ushort head, Action<byte[]> random, out uint length)
    {
        length = 0;
        ushort slot = head;
        for (int parts = 0; parts < _ring.Size; parts++)
        {
            if (slot >= _ring.Size)
            {
                return false;
            }

            // Read once: the driver may change it in between.
            uint place = 16u * slot;
            ulong address = _ring.Descriptors.Load64(place);
            uint size = _ring.Descriptors.Load32(place + 8);
            ushort flags = _ring.Descriptors.Load16(place + 12);
            if ((flags & Write) == 0 || size == 0 || size > LargestPart)
            {
                return false;
            }

            byte[] bytes = new byte[size];
            random(bytes);
            if (!_memory.TryWrite(address, bytes))
            {
                return false;
            }

            length += size;
            if ((flags & Next) == 0)
            {
                return true;
            }

            slot = _ring.Descriptors.Load16(place + 14);
        }

        return false;
    }
}
