using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>
/// Nothing that asks how wide an address is: under Cosmos <c>IntPtr.Size</c> says 8 while pointers take 4 bytes.
/// </summary>
public sealed class PointerSizes : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "use a type of a fixed width: what a device reads has one, and so has DmaSegment";

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        if (instruction is { OpCode.Code: Code.Sizeof, Operand: TypeReference type } && IsAddress(type))
        {
            return $"takes the size of {type.Name}";
        }

        return instruction.Callee() switch
        {
            { Name: "get_Size" } callee when IsAddress(callee.DeclaringType) =>
                $"asks for {callee.DeclaringType.Name}.Size",
            { Name: "get_Is64BitProcess" } callee when callee.IsOf("System.Environment") =>
                "asks for the width of the process",
            GenericInstanceMethod { Name: "SizeOf" } callee when IsAddress(callee.GenericArguments[0]) =>
                $"takes the size of {callee.GenericArguments[0].Name}",
            _ => null,
        };
    }

    private static bool IsAddress(TypeReference type) => type.MetadataType
        is MetadataType.IntPtr or MetadataType.UIntPtr or MetadataType.Pointer or MetadataType.FunctionPointer
        || type.FullName is "System.IntPtr" or "System.UIntPtr";
}
