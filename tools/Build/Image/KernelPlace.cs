using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>Where a linked kernel lies in memory.</summary>
internal static class KernelPlace
{
    /// <summary>The first address behind it.</summary>
    public static ulong End(ElfFile kernel) => kernel.Segments()
        .Where(segment => segment.Type == ElfSegmentType.Load)
        .Max(segment => segment.Address + segment.MemorySize);

    /// <summary>The place in the words that MemoryCheck.inc is assembled with.</summary>
    public static IReadOnlyList<string> Definitions(ElfFile kernel) =>
        [$"-DKERNEL_START=0x{KernelLink.ImageBase:x}", $"-DKERNEL_END=0x{End(kernel):x}"];
}
