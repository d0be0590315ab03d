using System.Collections.Generic;
using Mono.Cecil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No static abstract or static virtual members of interfaces: IL2CPU refuses them.</summary>
public sealed class StaticAbstractMembers : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "pass an object of an abstract class whose instance methods do it";

    /// <inheritdoc/>
    protected override IEnumerable<Finding> Check(MethodDefinition method)
    {
        if (method is { IsStatic: true, IsVirtual: true, DeclaringType.IsInterface: true })
        {
            yield return At(method, "is a static abstract or static virtual member of an interface");
        }
    }
}
