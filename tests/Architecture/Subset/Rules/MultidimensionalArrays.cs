using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No arrays of several dimensions: IL2CPU compiles them wrongly. (Arrays of arrays are fine.)</summary>
public sealed class MultidimensionalArrays : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "use one array and compute the index, or an array of arrays";

    /// <inheritdoc/>
    public override IEnumerable<Finding> Check(TypeDefinition type) => type.Fields
        .Where(field => Mentions(field.FieldType))
        .Select(field => At(field, "is an array of several dimensions"))
        .Concat(base.Check(type));

    /// <inheritdoc/>
    protected override IEnumerable<Finding> Check(MethodDefinition method)
    {
        bool inSignature = Mentions(method.ReturnType) || method.Parameters.Any(each => Mentions(each.ParameterType));
        return inSignature
            ? base.Check(method).Prepend(At(method, "takes or returns an array of several dimensions"))
            : base.Check(method);
    }

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        bool mentions = instruction.Operand switch
        {
            MemberReference { DeclaringType: { } declaring } when Mentions(declaring) => true,
            TypeReference type => Mentions(type),
            GenericInstanceMethod callee => callee.GenericArguments.Any(Mentions),
            _ => false,
        };
        return mentions ? "uses an array of several dimensions" : null;
    }

    private static bool Mentions(TypeReference type) => type.Mentions(each => each is ArrayType { Rank: > 1 });
}
