using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>
/// No <c>ToString</c> with a format or a culture on integers other than <c>int</c>: Cosmos plugs it for <c>int</c>
/// alone, and elsewhere the real one runs, culture data and all.
/// </summary>
public sealed class NumberText : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "cast to int where it fits, or write the digits one by one";

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        bool formats = instruction.Callee() is { Name: nameof(ToString), HasParameters: true } callee
            && callee.DeclaringType.IsPrimitive
            && callee.DeclaringType.MetadataType != MetadataType.Int32;
        return formats ? "formats a number that is no int" : null;
    }
}
