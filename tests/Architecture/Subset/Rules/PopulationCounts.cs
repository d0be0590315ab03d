using System.Numerics;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No <c>BitOperations.PopCount</c>: IL2CPU compiles it wrongly.</summary>
public sealed class PopulationCounts : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "count the bits in a loop: value &= value - 1";

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        bool counts = instruction.Callee() is { Name: nameof(BitOperations.PopCount) } callee
            && (callee.IsOf("System.Numerics.BitOperations") || callee.DeclaringType.IsPrimitive);
        return counts ? "counts bits through .NET" : null;
    }
}
