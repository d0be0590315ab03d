using System;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No names of enumeration values: <c>Enum.ToString</c> hangs or prints nonsense under IL2CPU.</summary>
/// <remarks>
/// An enumeration becomes text by its own ToString, by interpolation, by System.Enum's methods, or as an object that is
/// formatted later; so boxing one is refused, too.
/// </remarks>
public sealed class EnumText : SubsetRule
{
    private const string AppendFormatted = "AppendFormatted";

    /// <inheritdoc/>
    public override string Instead => "write a switch expression that returns the name, or cast to the number";

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        if (instruction is { OpCode.Code: Code.Box, Operand: TypeReference boxed } && boxed.IsEnumeration())
        {
            return $"makes an object of the enumeration {boxed.Name}";
        }

        return instruction.Callee() switch
        {
            { Name: nameof(ToString) } when instruction.Constraint() is { } type && type.IsEnumeration() =>
                $"asks the enumeration {type.Name} for text",
            GenericInstanceMethod { Name: AppendFormatted } callee when callee.GenericArguments[0].IsEnumeration() =>
                $"interpolates the enumeration {callee.GenericArguments[0].Name}",
            {
                Name: nameof(ToString) or nameof(Enum.Format) or nameof(Enum.GetName) or nameof(Enum.GetNames)
                or nameof(Enum.TryFormat)
            } callee when callee.IsOf("System.Enum") =>
                $"calls Enum.{callee.Name}",
            _ => null,
        };
    }
}
