using System;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset;

/// <summary>What the rules ask about types and methods.</summary>
internal static class TypeQueries
{
    /// <summary>The method that an instruction calls or takes the address of, or nothing.</summary>
    public static MethodReference? Callee(this Instruction instruction) => instruction.Operand as MethodReference;

    /// <summary>Whether a method belongs to a type, whatever the type's own arguments.</summary>
    public static bool IsOf(this MethodReference method, string type) =>
        method.DeclaringType.GetElementType().FullName == type;

    /// <summary>Whether a method is the named one of a type, in any overload.</summary>
    public static bool Is(this MethodReference method, string type, string name) =>
        method.Name == name && method.IsOf(type);

    /// <summary>The type that a <c>constrained.</c> prefix names before a call, or nothing.</summary>
    public static TypeReference? Constraint(this Instruction call) =>
        call.Previous is { OpCode.Code: Code.Constrained } prefix ? (TypeReference)prefix.Operand : null;

    /// <summary>Whether a member or type carries an attribute.</summary>
    public static bool Has(this ICustomAttributeProvider provider, string attribute) =>
        provider.HasCustomAttributes && provider.CustomAttributes.Any(each => each.AttributeType.FullName == attribute);

    /// <summary>Whether a type is an enumeration.</summary>
    public static bool IsEnumeration(this TypeReference type) =>
        type is not (GenericParameter or TypeSpecification) && type.Resolve() is { IsEnum: true };

    /// <summary>
    /// Whether comparing two values of a type ends in <see cref="ValueType.Equals(object)"/>: a structure that brings
    /// no comparison of its own.
    /// </summary>
    public static bool IsComparedByValueType(this TypeReference type)
    {
        if (type is GenericParameter or ArrayType or PointerType or ByReferenceType || type.IsPrimitive)
        {
            return false;
        }

        return type.Resolve() is { IsValueType: true, IsEnum: false } definition
            && !definition.Methods.Any(method => method.Name == nameof(Equals) && method is { IsVirtual: true }
                && method.Parameters is [{ ParameterType.MetadataType: MetadataType.Object }]);
    }

    /// <summary>Whether a condition holds for a type or for any type that it is made of.</summary>
    public static bool Mentions(this TypeReference? type, Predicate<TypeReference> condition) => type switch
    {
        null => false,
        _ when condition(type) => true,
        GenericInstanceType generic => generic.GenericArguments.Any(argument => argument.Mentions(condition)),
        TypeSpecification specification => specification.ElementType.Mentions(condition),
        _ => false,
    };
}
