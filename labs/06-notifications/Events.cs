using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 6: who tells whom, and when, with EVENT_IDX. The text is in README.md.</summary>
public sealed class Events : EventQueue
{
    private SplitRing _ring = null!;

    public override void Attach(SplitRing ring) => _ring = ring;

    public override bool Publish(ushort head)
    {
        // Step 1: put the head into the available ring, and publish idx.
        // Step 2: read avail_event, behind the used ring. Has idx gone past it?
        _ = _ring.Size;
        throw new NotDoneYetException("steps 1 and 2, publish");
    }

    public override bool TryTake(out uint id, out uint length)
    {
        // Step 3: the next entry of the used ring.
        throw new NotDoneYetException("step 3, take a used buffer");
    }

    public override bool EnableInterrupts()
    {
        // Step 4: write used_event, behind the available ring. Then look once more.
        throw new NotDoneYetException("step 4, ask for an interrupt");
    }
}
