using System.Runtime.CompilerServices;
using System.Threading;
#if NET10_0_OR_GREATER
using System.Runtime.Intrinsics.X86;
#endif

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
    public static void Full(AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            simulation.FullBarrier(site);
            return;
        }

        Interlocked.MemoryBarrier();
    }

    /// <summary>
    /// Behind <see cref="Full"/>: makes it hold for a device that is not another processor, which is the strength that
    /// ORDER_PLATFORM asks for (virtio 1.4, 6.1).
    /// </summary>
    /// <remarks>
    /// A locked instruction orders ordinary memory, which is all that processors share; a device of a real bus may also
    /// see what is written past the caches, and that only MFENCE orders.
    /// </remarks>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ForDevice(AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            simulation.DeviceBarrier(site);
            return;
        }

#if NET10_0_OR_GREATER
        if (Sse2.IsSupported)
        {
            Sse2.MemoryFence();
        }
#endif
    }
}
