namespace VirtioGuest.Cosmos.Kernel.Machine;

/// <summary>The memory that objects live in, as the kit below has it.</summary>
internal abstract class HeapPages
{
    /// <summary>The size of a page in bytes.</summary>
    internal const uint PageLength = 4096;

    /// <summary>How many pages nobody uses.</summary>
    public abstract uint Free { get; }

    /// <summary>Frees the objects that nobody refers to.</summary>
    public abstract void Collect();
}
