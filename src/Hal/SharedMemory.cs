using System.Runtime.CompilerServices;
using System.Threading;

namespace VirtioGuest.Hal;

/// <summary>
/// The only way in which memory that a device also touches is read or written.
/// </summary>
/// <remarks>
/// <para>
/// Plain accesses exist for 8, 16, 32 and 64 bits; nothing may rely on a 64-bit access being a single one. Acquire and
/// release exist for 16 and 32 bits only, which is what the rings need. All of them compile to one plain move on x86.
/// </para>
/// <para>
/// These accessors order the processor's own accesses. They do not hand memory over: that is <see cref="DmaSync"/>'s
/// duty, and neither is left out because the other seems to cover it.
/// </para>
/// <para>
/// Each takes where a structure starts and the offset of a field in it, which compile to one address; and the name of
/// its place (<see cref="AccessSite"/>), which only a <see cref="MemorySimulation"/> reads.
/// </para>
/// <para>Values are little-endian, as every machine this runs on is (virtio 1.4, 1.4).</para>
/// </remarks>
public static unsafe class SharedMemory
{
    /// <summary>Reads 8 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static byte Load8(byte* start, uint offset, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            return (byte)simulation.Load(start + offset, 1, site);
        }

        return start[offset];
    }

    /// <summary>Reads 16 bits at a 2-byte aligned address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort Load16(byte* start, uint offset, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            return (ushort)simulation.Load(start + offset, 2, site);
        }

        return *(ushort*)(start + offset);
    }

    /// <summary>Reads 32 bits at a 4-byte aligned address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint Load32(byte* start, uint offset, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            return (uint)simulation.Load(start + offset, 4, site);
        }

        return *(uint*)(start + offset);
    }

    /// <summary>Reads 64 bits at an 8-byte aligned address, possibly as two accesses.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ulong Load64(byte* start, uint offset, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            return simulation.Load(start + offset, 8, site);
        }

        return *(ulong*)(start + offset);
    }

    /// <summary>Writes 8 bits.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store8(byte* start, uint offset, byte value, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            simulation.Store(start + offset, 1, value, site);
            return;
        }

        start[offset] = value;
    }

    /// <summary>Writes 16 bits at a 2-byte aligned address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store16(byte* start, uint offset, ushort value, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            simulation.Store(start + offset, 2, value, site);
            return;
        }

        *(ushort*)(start + offset) = value;
    }

    /// <summary>Writes 32 bits at a 4-byte aligned address.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store32(byte* start, uint offset, uint value, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            simulation.Store(start + offset, 4, value, site);
            return;
        }

        *(uint*)(start + offset) = value;
    }

    /// <summary>Writes 64 bits at an 8-byte aligned address, possibly as two accesses.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Store64(byte* start, uint offset, ulong value, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            simulation.Store(start + offset, 8, value, site);
            return;
        }

        *(ulong*)(start + offset) = value;
    }

    /// <summary>Reads 16 bits; no later access of this processor is made before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static ushort LoadAcquire16(byte* start, uint offset, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            return (ushort)simulation.LoadAcquire(start + offset, 2, site);
        }

        return Volatile.Read(ref *(ushort*)(start + offset));
    }

    /// <summary>Reads 32 bits; no later access of this processor is made before it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint LoadAcquire32(byte* start, uint offset, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            return (uint)simulation.LoadAcquire(start + offset, 4, site);
        }

        return Volatile.Read(ref *(uint*)(start + offset));
    }

    /// <summary>Writes 16 bits; no earlier access of this processor is made after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRelease16(byte* start, uint offset, ushort value, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            simulation.StoreRelease(start + offset, 2, value, site);
            return;
        }

        Volatile.Write(ref *(ushort*)(start + offset), value);
    }

    /// <summary>Writes 32 bits; no earlier access of this processor is made after it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StoreRelease32(byte* start, uint offset, uint value, AccessSite site = AccessSite.Unnamed)
    {
        if (MemorySimulation.IsSupported && MemorySimulation.Current is MemorySimulation simulation)
        {
            simulation.StoreRelease(start + offset, 4, value, site);
            return;
        }

        Volatile.Write(ref *(uint*)(start + offset), value);
    }
}
