using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>
/// No reading of words out of a span one by one: Cosmos asks each time what their type is, creates an object for that,
/// and frees none by itself. It made a checksum sixty times slower.
/// </summary>
public sealed class AllocationsInLoops : SubsetRule
{
    private static readonly string[] s_marshalling = ["Read", "Write", "TryRead", "TryWrite", "Cast", "AsBytes"];

    /// <inheritdoc/>
    public override string Instead => "cast the span to words before the loop, or shift bytes";

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        return instruction.Callee() is { } callee && AsksForType(callee) && IsInLoop(method, instruction)
            ? $"calls {callee.DeclaringType.Name}.{callee.Name} in a loop"
            : null;
    }

    private static bool AsksForType(MethodReference callee) =>
        callee.IsOf("System.Buffers.Binary.BinaryPrimitives")
        || (callee.IsOf("System.Runtime.InteropServices.MemoryMarshal") && s_marshalling.Contains(callee.Name));

    /// <summary>Whether a branch leads back over an instruction.</summary>
    private static bool IsInLoop(MethodDefinition method, Instruction instruction) =>
        method.Body.Instructions.Any(each =>
            each.Offset >= instruction.Offset
            && each.Operand is Instruction target && target.Offset <= instruction.Offset);
}
