using System;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No <c>new T()</c> where T may be a structure: IL2CPU compiles it wrongly.</summary>
/// <remarks>A type parameter may stand for a structure unless it is constrained to be a class.</remarks>
public sealed class NewOfTypeParameter : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "use default(T), or let the caller pass the value";

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        if (instruction.Callee() is not GenericInstanceMethod callee
            || !callee.Is("System.Activator", nameof(Activator.CreateInstance)))
        {
            return null;
        }

        TypeReference made = callee.GenericArguments[0];
        bool reference = made is GenericParameter parameter ? parameter.HasReferenceTypeConstraint : !made.IsValueType;
        return reference ? null : $"makes a {made.Name} that may be a structure";
    }
}
