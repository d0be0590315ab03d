using System.Numerics;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Operations on bits.</summary>
public static class Bits
{
    [Breaks(typeof(PopulationCounts))]
    public static int Count(uint value) => BitOperations.PopCount(value);

    [Breaks(typeof(PopulationCounts))]
    public static int CountWide(ulong value) => BitOperations.PopCount(value);

    [Breaks(typeof(PopulationCounts))]
    public static uint CountGenerically(uint value) => uint.PopCount(value);

    public static int Leading(uint value) => BitOperations.LeadingZeroCount(value);
}
