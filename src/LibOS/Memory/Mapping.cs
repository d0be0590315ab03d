namespace VirtioGuest.LibOS.Memory;

/// <summary>What the program may do with a range of its address space: the PROT_ values of mmap.</summary>
internal static class Protection
{
    public const uint None = 0;
    public const uint Read = 1;
    public const uint Write = 2;
    public const uint Execute = 4;
}

/// <summary>A range of the program's address space with one protection.</summary>
internal struct Mapping
{
    /// <summary>The first byte, page-aligned.</summary>
    public ulong Start;

    /// <summary>The byte after the last, page-aligned.</summary>
    public ulong End;

    /// <summary>A combination of <see cref="Memory.Protection"/>'s values.</summary>
    public uint Protection;
}
