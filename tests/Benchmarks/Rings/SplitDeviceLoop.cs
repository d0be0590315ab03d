using System.Threading;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Benchmarks.Rings;

/// <summary>The device's side of a split ring.</summary>
internal sealed unsafe class SplitDeviceLoop : DeviceLoop
{
    private const int EventDisable = 1;

    private readonly byte* _descriptors;
    private readonly byte* _available;
    private readonly byte* _used;
    private readonly int _mask;
    private ushort _index;
    private ulong _sum;

    public SplitDeviceLoop(Virtqueue queue)
    {
        _descriptors = (byte*)queue.DescriptorArea;
        _available = (byte*)queue.DriverArea;
        _used = (byte*)queue.DeviceArea;
        _mask = queue.Size - 1;
        *(ushort*)_used = EventDisable;
    }

    /// <inheritdoc/>
    public override void UseAll()
    {
        ushort end = Volatile.Read(ref *(ushort*)(_available + 2));
        while (_index != end)
        {
            int place = _index & _mask;
            ushort head = *(ushort*)(_available + 4 + (place * 2));
            byte* descriptor = _descriptors + (head * 16);
            _sum += *(ulong*)descriptor;
            byte* element = _used + 4 + (place * 8);
            *(uint*)element = head;
            *(uint*)(element + 4) = *(uint*)(descriptor + 8);
            _index++;
            Volatile.Write(ref *(ushort*)(_used + 2), _index);
        }
    }
}
