namespace VirtioGuest.Hal;

/// <summary>
/// Is told of each hand-over of one device's memory, by whoever gives that memory out. Memory that is observed counts
/// as not coherent, so that a driver makes every hand-over that it knows; other memory is as the machine gives it.
/// </summary>
public abstract class HandOverObserver
{
    /// <summary>Zeroed memory was given out.</summary>
    public abstract void OnAllocated(DmaMemory memory);

    /// <summary>Memory was given back, or taken out of use; nobody may look at it any more.</summary>
    public abstract void OnGivenUp(DmaMemory memory);

    /// <summary>A range is handed over; called with the driver's locks held, so it waits for nobody.</summary>
    /// <param name="memory">Which memory.</param>
    /// <param name="offset">The first byte.</param>
    /// <param name="length">How many bytes.</param>
    /// <param name="operation">Which hand-over.</param>
    /// <param name="site">The place in the driver.</param>
    public abstract void OnHandOver(
        DmaMemory memory, uint offset, uint length, DmaSync operation, AccessSite site);
}
