using System;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>
/// Counts a driver's accesses to registers and configuration space: one call makes a bounded number of them, whatever
/// they say. What device models allocate on the way is told apart from what the driver does.
/// </summary>
internal sealed class AccessMeter
{
    /// <summary>
    /// Two resets that nobody confirms, all that a configuration which never settles brings, and 2048 vectors.
    /// </summary>
    private const int MostAccesses = 40_000;

    private int _left = MostAccesses;

    /// <summary>How many bytes models have allocated while they answered.</summary>
    public long ModelBytes { get; private set; }

    /// <summary>How many accesses there were in all.</summary>
    public long Accesses { get; private set; }

    /// <summary>A call of the driver begins.</summary>
    public void Restart() => _left = MostAccesses;

    /// <summary>An access begins.</summary>
    /// <returns>What <see cref="Leave"/> wants to know.</returns>
    public long Enter()
    {
        Accesses++;
        BrokenPromiseException.Unless(--_left >= 0, "a call makes a bounded number of accesses");
        return GC.GetAllocatedBytesForCurrentThread();
    }

    /// <summary>An access has ended.</summary>
    public void Leave(long before) => ModelBytes += GC.GetAllocatedBytesForCurrentThread() - before;
}
