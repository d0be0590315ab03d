using System.Collections.Generic;
using Mono.Cecil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No record classes and no record structures: IL2CPU refuses them.</summary>
/// <remarks>Every record has an <c>==</c> that the compiler wrote, and nothing else has.</remarks>
public sealed class Records : SubsetRule
{
    private const string ByCompiler = "System.Runtime.CompilerServices.CompilerGeneratedAttribute";

    /// <inheritdoc/>
    public override string Instead => "write a sealed class or a readonly struct with a constructor and properties";

    /// <inheritdoc/>
    public override IEnumerable<Finding> Check(TypeDefinition type)
    {
        foreach (MethodDefinition method in type.Methods)
        {
            if (method.Name == "op_Equality" && method.Has(ByCompiler))
            {
                yield return At(type, "is a record");
            }
        }
    }
}
