using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Simulation.Tests;

/// <summary>A variable of 32 bits in a weak memory.</summary>
internal sealed unsafe class Cell
{
    private readonly byte* _address;

    public Cell(WeakMemory memory)
    {
        _address = memory.Allocate(8);
    }

    public uint Final => *(uint*)_address;

    public uint Load() => SharedMemory.Load32(_address, 0);

    public ushort LoadHalf(int half) => SharedMemory.Load16(_address, 2U * (uint)half);

    public ulong Load64() => SharedMemory.Load64(_address, 0);

    public uint LoadAcquire(AccessSite site = AccessSite.Unnamed) => SharedMemory.LoadAcquire32(_address, 0, site);

    public ushort LoadHalfAcquire(int half) => SharedMemory.LoadAcquire16(_address, 2U * (uint)half);

    public void Store(uint value) => SharedMemory.Store32(_address, 0, value);

    public void StoreHalf(int half, ushort value) => SharedMemory.Store16(_address, 2U * (uint)half, value);

    public void Store64(ulong value) => SharedMemory.Store64(_address, 0, value);

    public void StoreRelease(uint value, AccessSite site = AccessSite.Unnamed) =>
        SharedMemory.StoreRelease32(_address, 0, value, site);
}
