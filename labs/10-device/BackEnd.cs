using System;
using VirtioGuest.Labs;

namespace Lab;

/// <summary>Lab 10: the device's side of an entropy device. The text is in README.md.</summary>
public sealed class BackEnd : EntropyBackEnd
{
    private SplitRing _ring = null!;
    private DriverMemory _memory = null!;

    public override void Attach(SplitRing ring, DriverMemory memory)
    {
        _ring = ring;
        _memory = memory;
    }

    public override BackEndAnswer Serve(Action<byte[]> random)
    {
        // Step 1: which buffers are available that were not before?
        // Step 2: walk each chain, and fill its parts. Do not trust anything in it.
        // Step 3: an entry in the used ring, then idx.
        // Step 4: does the driver want an interrupt?
        _ = (_ring, _memory);
        throw new NotDoneYetException("steps 1 to 4, serve the queue");
    }
}
