using System.Runtime.CompilerServices;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No <c>Unsafe.CopyBlock</c>: IL2CPU compiles it, and it copies wrongly.</summary>
public sealed class BlockCopies : SubsetRule
{
    private const string Unsafe = "System.Runtime.CompilerServices.Unsafe";

    /// <inheritdoc/>
    public override string Instead => "copy through spans";

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        bool copies = instruction.OpCode.Code == Code.Cpblk
            || instruction.Callee() is { } callee
                && (callee.Is(Unsafe, nameof(System.Runtime.CompilerServices.Unsafe.CopyBlock))
                    || callee.Is(Unsafe, nameof(System.Runtime.CompilerServices.Unsafe.CopyBlockUnaligned)));
        return copies ? "copies a block" : null;
    }
}
