namespace VirtioGuest.Qemu.Tests.Matrix;

/// <summary>How many vectors the devices have.</summary>
public enum InterruptForm
{
    /// <summary>Enough for each queue that the driver uses.</summary>
    VectorPerQueue,

    /// <summary>Fewer than queues: two for a card of two queues, one for a disk of four.</summary>
    FewVectors,

    /// <summary>None: the interrupt line.</summary>
    Line,
}
