using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 8: how a used descriptor of a packed ring goes from the device to the driver.</summary>
public sealed class HandOver : UsedHandOver
{
    private const uint Length = 8;
    private const uint Id = 12;
    private const uint Flags = 14;
    private const ushort Available = 1 << 7;
    private const ushort Used = 1 << 15;

    public override void Use(DmaBlock ring, uint slot, ushort id, uint length, bool wrap)
    {
        uint place = 16 * slot;
        ring.Store32(place + Length, length);
        ring.Store16(place + Id, id);
        ring.StoreRelease16(place + Flags, UsedFlags(wrap));
    }

    public override bool TryTake(DmaBlock ring, uint slot, bool wrap, out ushort id, out uint length)
    {
        uint place = 16 * slot;
        id = 0;
        length = 0;
        ushort flags = ring.LoadAcquire16(place + Flags);
        if ((flags & (Available | Used)) != UsedFlags(wrap))
        {
            return false;
        }

        id = ring.Load16(place + Id);
        length = ring.Load32(place + Length);
        return true;
    }

    private static ushort UsedFlags(bool wrap) => wrap ? (ushort)(Available | Used) : (ushort)0;
}
