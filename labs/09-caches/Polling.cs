using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 9: a polling loop where the device does not see the processor's cache. See README.md.</summary>
public sealed class Polling : CachedQueue
{
    private SplitRing _ring = null!;

    public override void Attach(SplitRing ring)
    {
        // Step 1: whose is the used ring from here on? Say so with Sync.
        _ring = ring;
        throw new NotDoneYetException("step 1, hand the used ring over");
    }

    public override void Give(ushort head, DmaBlock buffer)
    {
        // Step 2: the buffer, the descriptor, the entry of the available ring, and idx: each handed over.
        _ = _ring.Size;
        throw new NotDoneYetException("step 2, give a buffer");
    }

    public override bool TryTake(out ushort head, out byte[] data)
    {
        // Step 3: take the index over, look, hand it back. Then the entry, and the buffer.
        throw new NotDoneYetException("step 3, look for a used buffer");
    }
}
