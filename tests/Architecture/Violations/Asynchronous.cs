using System.Collections.Generic;
using System.Threading.Tasks;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Async methods and iterators; a plain iterator is fine.</summary>
public static class Asynchronous
{
    [Breaks(typeof(AsyncMethods))]
    public static async Task<int> Value()
    {
        await Task.Yield();
        return 1;
    }

    [Breaks(typeof(AsyncMethods))]
    public static async IAsyncEnumerable<int> Values()
    {
        await Task.Yield();
        yield return 1;
    }

    public static IEnumerable<int> Plain()
    {
        yield return 1;
        yield return 2;
    }
}
