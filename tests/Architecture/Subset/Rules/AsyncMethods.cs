using System.Collections.Generic;
using Mono.Cecil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No async methods: IL2CPU refuses them. (Iterators are fine.)</summary>
public sealed class AsyncMethods : SubsetRule
{
    private const string CompilerServices = "System.Runtime.CompilerServices.";

    /// <inheritdoc/>
    public override string Instead => "submit, return, and report through a completion; only services above await";

    /// <inheritdoc/>
    protected override IEnumerable<Finding> Check(MethodDefinition method)
    {
        if (method.Has($"{CompilerServices}AsyncStateMachineAttribute")
            || method.Has($"{CompilerServices}AsyncIteratorStateMachineAttribute"))
        {
            yield return At(method, "is async");
        }
    }
}
