namespace VirtioGuest.Cosmos.Block;

/// <summary>Who keeps a copy of a disk's size.</summary>
public abstract class CapacityListener
{
    /// <summary>The disk may have another size. Must not throw.</summary>
    /// <param name="sectors">Its size in sectors.</param>
    public abstract void OnCapacity(ulong sectors);
}
