using System;
using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Qemu.Tests.Matrix;

/// <summary>
/// Few combinations in which any two values of any two properties come together, as far as any allowed combination has
/// them. The same input gives the same combinations.
/// </summary>
/// <remarks>Greedy over the whole list: the next is the one that has most pairs which nobody has yet.</remarks>
public static class Cover
{
    /// <summary>All combinations, in order.</summary>
    /// <param name="levels">How many values each property has.</param>
    public static IEnumerable<int[]> Product(IReadOnlyList<int> levels)
    {
        int[] values = new int[levels.Count];
        while (true)
        {
            yield return (int[])values.Clone();
            int property = levels.Count - 1;
            while (property >= 0 && ++values[property] == levels[property])
            {
                values[property--] = 0;
            }

            if (property < 0)
            {
                yield break;
            }
        }
    }

    /// <summary>The pairs of values that a combination has: two properties with their values each.</summary>
    public static IEnumerable<(int First, int FirstValue, int Second, int SecondValue)> Pairs(IReadOnlyList<int> values)
    {
        for (int second = 1; second < values.Count; second++)
        {
            for (int first = 0; first < second; first++)
            {
                yield return (first, values[first], second, values[second]);
            }
        }
    }

    /// <summary>A cover of some combinations.</summary>
    public static IReadOnlyList<int[]> Choose(IReadOnlyList<int[]> allowed)
    {
        HashSet<(int, int, int, int)> open = [.. allowed.SelectMany(Pairs)];
        List<int[]> chosen = [];
        while (open.Count > 0)
        {
            int[] best = allowed.MaxBy(values => Pairs(values).Count(open.Contains))
                ?? throw new InvalidOperationException("There is nothing to cover with.");
            open.ExceptWith(Pairs(best));
            chosen.Add(best);
        }

        return chosen;
    }
}
