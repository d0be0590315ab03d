using System.Collections.Generic;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>
/// No <c>finally</c> at all, because an exception that passes through one hangs under IL2CPU.
/// </summary>
/// <remarks>
/// Whether an exception may pass cannot be seen in one method: it comes out of anything that the guarded block calls.
/// So the handler itself is refused, and with it what the compiler turns into one: <c>using</c>, <c>lock</c>, and
/// <c>foreach</c> over anything but an array, a span or a string.
/// </remarks>
public sealed class FinallyHandlers : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "walk lists by index or keep them as arrays or spans; clean up on each way out";

    /// <inheritdoc/>
    protected override IEnumerable<Finding> Check(MethodDefinition method)
    {
        if (!method.HasBody)
        {
            yield break;
        }

        foreach (ExceptionHandler handler in method.Body.ExceptionHandlers)
        {
            if (handler.HandlerType is ExceptionHandlerType.Finally or ExceptionHandlerType.Fault)
            {
                yield return At(method, handler.TryStart, "has a finally (try, using, lock, or foreach over a list)");
            }
        }
    }
}
