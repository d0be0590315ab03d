using VirtioGuest.Cosmos.Kernel.Machine;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>A heap of so many pages, of which a collection frees what a test says: all, unless it does.</summary>
internal sealed class FakeHeap : HeapPages
{
    private uint _free;

    public FakeHeap(uint free)
    {
        _free = free;
        AfterCollection = free;
    }

    /// <summary>What looks after a heap that does not run out.</summary>
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
