using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No <c>Volatile</c> on 64-bit values: IL2CPU compiles them wrongly.</summary>
public sealed class WideVolatile : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "publish with a 32-bit value, then read the wide one with SharedMemory.Load64";

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        bool wide = instruction.Callee() is { } callee && callee.IsOf("System.Threading.Volatile")
            && callee.Parameters.Any(parameter => parameter.ParameterType.Mentions(type =>
                type.MetadataType is MetadataType.Int64 or MetadataType.UInt64 or MetadataType.Double));
        return wide ? "accesses a 64-bit value through Volatile" : null;
    }
}
