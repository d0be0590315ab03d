using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 8: how a used descriptor of a packed ring goes from the device to the driver. See README.md.</summary>
public sealed class HandOver : UsedHandOver
{
    private const uint Flags = 14;

    public override void Use(DmaBlock ring, uint slot, ushort id, uint length, bool wrap)
    {
        // Step 1: len, id and flags of the slot. Which is written last, and how?
        _ = ring.Load16((16 * slot) + Flags);
        throw new NotDoneYetException("step 1, the device's side");
    }

    public override bool TryTake(DmaBlock ring, uint slot, bool wrap, out ushort id, out uint length)
    {
        // Step 2: flags, id and len of the slot. Which is read first, and how?
        throw new NotDoneYetException("step 2, the driver's side");
    }
}
