using System.Runtime.CompilerServices;
using System.Threading;

namespace VirtioGuest.Hal;

/// <summary>Barriers between accesses of the processor that acquire and release do not order.</summary>
public static class Barriers
{
    /// <summary>
    /// Makes every earlier access visible before any later one: the one barrier that keeps a store before a later load.
    /// </summary>
    /// <remarks>
    /// Two places need it: after buffers are published and before the device's suppression area is read, and after
    /// interrupts are enabled and before the ring is looked at again. Under Cosmos this method is replaced by an
    /// assembler plug, because there <see cref="Interlocked"/> is no fence.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Full() => Interlocked.MemoryBarrier();
}
