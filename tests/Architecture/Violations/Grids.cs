using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Arrays of arrays, and of several dimensions.</summary>
public static class Grids
{
    [Breaks(typeof(MultidimensionalArrays))]
    private static int[][,]? s_kept;

    [Breaks(typeof(MultidimensionalArrays))]
    public static void Keep(int[][,] grids) => s_kept = grids;

    [Breaks(typeof(MultidimensionalArrays))]
    public static int[][,]? Kept() => s_kept;

    [Breaks(typeof(MultidimensionalArrays))]
    public static int Sum(int[,] grid) => grid.Length;

    [Breaks(typeof(MultidimensionalArrays))]
    public static object Make(int side) => new byte[side, side];

    [Breaks(typeof(MultidimensionalArrays))]
    public static int Corner(object grid) => ((int[,])grid)[0, 0];

    public static int Jagged(int[][] grid) => grid[0][0];
}
