using System.Collections.Generic;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>
/// No <c>catch</c> of a certain type: of several clauses Cosmos takes the first, whatever was thrown, and an inner
/// clause that does not match loses the exception.
/// </summary>
public sealed class TypedCatches : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "catch Exception, once, or return a status";

    /// <inheritdoc/>
    protected override IEnumerable<Finding> Check(MethodDefinition method)
    {
        if (!method.HasBody)
        {
            yield break;
        }

        foreach (ExceptionHandler handler in method.Body.ExceptionHandlers)
        {
            if (handler is { HandlerType: ExceptionHandlerType.Catch }
                && handler.CatchType.FullName is not ("System.Exception" or "System.Object"))
            {
                yield return At(method, handler.HandlerStart, $"catches {handler.CatchType.Name}");
            }
        }
    }
}
