using System.Collections.Generic;
using Mono.Cecil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No instance methods with a body in interfaces: IL2CPU compiles them, and calls go astray.</summary>
public sealed class DefaultInterfaceMethods : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "make the interface an abstract class";

    /// <inheritdoc/>
    protected override IEnumerable<Finding> Check(MethodDefinition method)
    {
        if (method is { IsStatic: false, HasBody: true, DeclaringType.IsInterface: true })
        {
            yield return At(method, "is a default interface method");
        }
    }
}
