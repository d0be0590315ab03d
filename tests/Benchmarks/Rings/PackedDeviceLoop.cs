using System.Threading;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Benchmarks.Rings;

/// <summary>The device's side of a packed ring: the same loop as in <c>Native/packed_ring.c</c>.</summary>
internal sealed unsafe class PackedDeviceLoop : DeviceLoop
{
    private const int Available = 1 << 7;
    private const int Both = Available | (1 << 15);
    private const int EventDisable = 1;

    private readonly byte* _ring;
    private readonly int _size;
    private int _slot;
    private int _availableFlags = Available;
    private ulong _sum;

    public PackedDeviceLoop(Virtqueue queue)
    {
        _ring = (byte*)queue.DescriptorArea;
        _size = queue.Size;
        *(ushort*)(queue.DeviceArea + 2) = EventDisable;
    }

    /// <inheritdoc/>
    public override void UseAll()
    {
        while (true)
        {
            byte* descriptor = _ring + (_slot * 16);
            int flags = Volatile.Read(ref *(ushort*)(descriptor + 14));
            if ((flags & Both) != _availableFlags)
            {
                return;
            }

            _sum += *(ulong*)descriptor;
            uint length = *(uint*)(descriptor + 8);
            ushort id = *(ushort*)(descriptor + 12);
            *(uint*)(descriptor + 8) = length;
            *(ushort*)(descriptor + 12) = id;
            Volatile.Write(
                ref *(ushort*)(descriptor + 14), (ushort)(_availableFlags == Available ? Both : 0));
            if (++_slot == _size)
            {
                _slot = 0;
                _availableFlags ^= Both;
            }
        }
    }
}
