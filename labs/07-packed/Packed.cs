using System;
using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 7: a packed queue. The text is in README.md.</summary>
public sealed class Packed : PackedQueue
{
    private PackedRing _ring = null!;

    public override void Attach(PackedRing ring) => _ring = ring;

    public override bool TryAdd(ReadOnlySpan<BufferPart> parts, int token)
    {
        // Step 1: is there room for all of it? Which ID is free?
        // Step 2: write a descriptor for each part; the flags of the head last.
        _ = _ring.Size;
        throw new NotDoneYetException("steps 1 and 2, add a buffer");
    }

    public override bool IsNotificationDue()
    {
        // Step 4: what does the device event suppression structure ask for?
        throw new NotDoneYetException("step 4, decide whether to notify");
    }

    public override bool TryTake(out int token, out uint length)
    {
        // Step 3: is the descriptor at the used position used? Which buffer is it, and how many slots had it?
        throw new NotDoneYetException("step 3, take a used buffer");
    }
}
