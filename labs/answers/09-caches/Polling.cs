using VirtioGuest.Hal;
using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 9: a polling loop where the device does not see the processor's cache.</summary>
public sealed class Polling : CachedQueue
{
    private const uint Index = 2;
    private const uint Entries = 4;
    private const ushort Write = 2;

    private SplitRing _ring = null!;
    private DmaBlock?[] _buffers = [];
    private bool[] _isEntryWritten = [];
    private bool _isIndexWritten;
    private ushort _availableIndex;
    private ushort _usedIndex;

    public override void Attach(SplitRing ring)
    {
        _ring = ring;
        _buffers = new DmaBlock?[ring.Size];
        _isEntryWritten = new bool[ring.Size];
        ring.Used.Sync(0, ring.Used.Length, DmaSync.PreRead);
    }

    public override void Give(ushort head, DmaBlock buffer)
    {
        _buffers[head] = buffer;
        buffer.Sync(0, buffer.Length, DmaSync.PreRead);

        uint descriptor = 16u * head;
        _ring.Descriptors.Store64(descriptor, buffer.DeviceAddress);
        _ring.Descriptors.Store32(descriptor + 8, buffer.Length);
        _ring.Descriptors.Store16(descriptor + 12, Write);
        _ring.Descriptors.Store16(descriptor + 14, 0);
        _ring.Descriptors.Sync(descriptor, 16, DmaSync.PreWrite);

        int slot = _availableIndex % _ring.Size;
        uint entry = Entries + (2u * (uint)slot);
        if (_isEntryWritten[slot])
        {
            _ring.Available.Sync(entry, 2, DmaSync.PostWrite);
        }

        _isEntryWritten[slot] = true;
        _ring.Available.Store16(entry, head);
        _ring.Available.Sync(entry, 2, DmaSync.PreWrite);

        if (_isIndexWritten)
        {
            _ring.Available.Sync(Index, 2, DmaSync.PostWrite);
        }

        _isIndexWritten = true;
        _availableIndex++;
        _ring.Available.StoreRelease16(Index, _availableIndex);
        _ring.Available.Sync(Index, 2, DmaSync.PreWrite);
    }

    public override bool TryTake(out ushort head, out byte[] data)
    {
        head = 0;
        data = [];
        _ring.Used.Sync(Index, 2, DmaSync.PostRead);
        ushort index = _ring.Used.LoadAcquire16(Index);
        _ring.Used.Sync(Index, 2, DmaSync.PreRead);
        if (index == _usedIndex)
        {
            return false;
        }

        uint entry = Entries + (8u * (uint)(_usedIndex % _ring.Size));
        _ring.Used.Sync(entry, 8, DmaSync.PostRead);
        head = (ushort)_ring.Used.Load32(entry);
        uint length = _ring.Used.Load32(entry + 4);
        _ring.Used.Sync(entry, 8, DmaSync.PreRead);
        _usedIndex++;

        _ring.Descriptors.Sync(16u * head, 16, DmaSync.PostWrite);
        DmaBlock buffer = _buffers[head]!;
        buffer.Sync(0, buffer.Length, DmaSync.PostRead);
        data = buffer.Read(0, length);
        return true;
    }
}
