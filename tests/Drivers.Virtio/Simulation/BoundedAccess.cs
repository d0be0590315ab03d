using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>
/// Checks every access of the calling thread to lie in one region of a memory that was not given back. Allocates
/// nothing, so that it can be in place where allocation is watched.
/// </summary>
internal sealed unsafe class BoundedAccess : MemorySimulation, IDisposable
{
    private readonly SimulatedMemory _memory;

    public BoundedAccess(SimulatedMemory memory)
    {
        if (!IsSupported)
        {
            throw new InvalidOperationException("The switch VirtioGuest.Hal.MemorySimulation is not set.");
        }

        _memory = memory;
        Current = this;
    }

    public void Dispose() => Current = null;

    public override ulong Load(byte* address, int size, AccessSite site)
    {
        ulong value = 0;
        if (IsInside(address, size, site))
        {
            Buffer.MemoryCopy(address, &value, sizeof(ulong), size);
        }

        return value;
    }

    public override void Store(byte* address, int size, ulong value, AccessSite site)
    {
        if (IsInside(address, size, site))
        {
            Buffer.MemoryCopy(&value, address, size, size);
        }
    }

    public override ulong LoadAcquire(byte* address, int size, AccessSite site) => Load(address, size, site);

    public override void StoreRelease(byte* address, int size, ulong value, AccessSite site) =>
        Store(address, size, value, site);

    public override void FullBarrier(AccessSite site)
    {
    }

    private bool IsInside(byte* address, int size, AccessSite site)
    {
        bool isInside = _memory.Contains(address, size);
        if (!isInside)
        {
            _memory.Violations.Add($"an access of {size} bytes outside of memory (site {(int)site})");
        }

        return isInside;
    }
}
