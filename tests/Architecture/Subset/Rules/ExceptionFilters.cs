using System.Collections.Generic;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No <c>catch ... when</c>: IL2CPU refuses exception filters.</summary>
public sealed class ExceptionFilters : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "return a status, or test the condition before what may throw";

    /// <inheritdoc/>
    protected override IEnumerable<Finding> Check(MethodDefinition method)
    {
        if (!method.HasBody)
        {
            yield break;
        }

        foreach (ExceptionHandler handler in method.Body.ExceptionHandlers)
        {
            if (handler.HandlerType == ExceptionHandlerType.Filter)
            {
                yield return At(method, handler.FilterStart, "filters exceptions");
            }
        }
    }
}
