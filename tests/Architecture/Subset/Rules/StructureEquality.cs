using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>
/// No comparison of structures that bring none of their own: <c>ValueType.Equals</c> is wrong under IL2CPU.
/// </summary>
/// <remarks>
/// It is reached by <c>Equals</c> on the structure or on an object made of it, and by collections that compare their
/// elements or keys.
/// </remarks>
public sealed class StructureEquality : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "compare the fields, or give the structure an Equals of its own";

    /// <inheritdoc/>
    protected override IEnumerable<Finding> Check(MethodDefinition method)
    {
        if (!method.HasBody)
        {
            yield break;
        }

        EvaluationStack? stack = null;
        foreach (Instruction instruction in method.Body.Instructions)
        {
            if (instruction.Callee() is not { } callee)
            {
                continue;
            }

            if (callee.Is("System.Object", nameof(Equals)) || callee.Is("System.ValueType", nameof(Equals)))
            {
                stack ??= new EvaluationStack(method.Body);
                TypeReference? compared = instruction.Constraint()
                    ?? stack.Before(instruction).Take(2).Select(value => value.Boxed).FirstOrDefault(IsCompared);
                if (IsCompared(compared) || callee.IsOf("System.ValueType"))
                {
                    yield return At(method, instruction, $"compares {compared?.Name} by ValueType.Equals");
                }
            }
            else if (ComparedByCollection(callee) is { } element && IsCompared(element))
            {
                yield return At(method, instruction, $"has {element.Name} compared by ValueType.Equals");
            }
        }
    }

    private static bool IsCompared(TypeReference? type) => type is not null && type.IsComparedByValueType();

    private static TypeReference? ComparedByCollection(MethodReference callee)
    {
        string owner = callee.DeclaringType.GetElementType().Name;
        bool compares = owner is "EqualityComparer`1" or "Dictionary`2" or "HashSet`1"
            || callee.Name is "Contains" or "IndexOf" or "LastIndexOf" or "Remove" or "SequenceEqual";
        return !compares ? null : callee switch
        {
            GenericInstanceMethod generic => generic.GenericArguments[0],
            { DeclaringType: GenericInstanceType type } => type.GenericArguments[0],
            _ => null,
        };
    }
}
