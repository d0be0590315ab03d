using VirtioGuest.Cosmos.Kernel.Machine;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>A heap. A collection frees all of it, unless a test says otherwise.</summary>
internal sealed class FakeHeap : HeapPages
{
    private uint _free;

    public FakeHeap(uint free)
    {
        _free = free;
        AfterCollection = free;
    }

    /// <summary>A keeper of a heap that does not run out.</summary>
    public static MemoryKeeper Ample => new(new FakeHeap(100_000));

    /// <summary>How many pages are free after a collection.</summary>
    public uint AfterCollection { get; set; }

    public int Collections { get; private set; }

    public override uint Free => _free;

    public void Use(uint pages) => _free -= pages;

    public override void Collect()
    {
        Collections++;
        _free = AfterCollection;
    }
}
