namespace VirtioGuest.Simulation;

/// <summary>Which order a simulated weak memory keeps.</summary>
public enum MemoryOrdering
{
    /// <summary>
    /// What acquire, release and full barriers ask for, and no more: a load may give an older value than the newest
    /// unless order forbids it.
    /// </summary>
    ReleaseAcquire = 0,

    /// <summary>
    /// What an x86 processor keeps: stores wait in a buffer, in order, and only a full barrier makes a load wait for
    /// them.
    /// </summary>
    TotalStoreOrder = 1,
}
