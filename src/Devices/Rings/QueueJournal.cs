namespace VirtioGuest.Devices.Rings;

/// <summary>
/// What a device that completes in order leaves of a queue for the one that comes after it when it is killed.
/// </summary>
internal abstract class QueueJournal
{
    /// <summary>Reads what was written last.</summary>
    /// <param name="place">Where the next used entry belongs: the index of a split ring, place and wrap counter of a
    /// packed one.</param>
    /// <param name="slots">How far the entry moves it that was being written; 0 for none.</param>
    /// <returns>Whether anything was written.</returns>
    public abstract bool TryRead(out uint place, out int slots);

    /// <summary>Writes both, all at once.</summary>
    public abstract void Write(uint place, int slots);
}
