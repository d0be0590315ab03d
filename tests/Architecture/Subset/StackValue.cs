using Mono.Cecil;

namespace VirtioGuest.Architecture.Tests.Subset;

/// <summary>What is known of a value on the evaluation stack (ECMA-335, I.12.3.2.1).</summary>
/// <param name="Kind">What arithmetic takes it for.</param>
/// <param name="Boxed">The value type that was boxed to make it, where that is known.</param>
public readonly record struct StackValue(StackKind Kind, TypeReference? Boxed = null)
{
    /// <summary>What a value of a declared type is on the stack.</summary>
    public static StackValue Of(TypeReference type) => type.MetadataType switch
    {
        MetadataType.Int64 or MetadataType.UInt64 => new(StackKind.Int64),
        MetadataType.Single or MetadataType.Double => new(StackKind.Float),
        MetadataType.IntPtr or MetadataType.UIntPtr or MetadataType.Pointer or MetadataType.ByReference
            or MetadataType.FunctionPointer => new(StackKind.Native),
        MetadataType.Boolean or MetadataType.Char or MetadataType.SByte or MetadataType.Byte or MetadataType.Int16
            or MetadataType.UInt16 or MetadataType.Int32 or MetadataType.UInt32 => new(StackKind.Int32),
        MetadataType.RequiredModifier or MetadataType.OptionalModifier or MetadataType.Pinned =>
            Of(((TypeSpecification)type).ElementType),
        MetadataType.ValueType => OfStructure(type),
        _ => new(StackKind.Other),
    };

    private static StackValue OfStructure(TypeReference type)
    {
        TypeDefinition? definition = type.Resolve();
        if (definition is not { IsEnum: true })
        {
            return new(StackKind.Other);
        }

        foreach (FieldDefinition field in definition.Fields)
        {
            if (!field.IsStatic)
            {
                return Of(field.FieldType);
            }
        }

        return new(StackKind.Other);
    }
}
