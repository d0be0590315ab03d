using System;
using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No signed 64-bit division or remainder: IL2CPU gives wrong results for negative numbers.</summary>
public sealed class SignedWideDivision : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "divide unsigned, or shift";

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
            if (instruction.OpCode.Code is Code.Div or Code.Rem)
            {
                stack ??= new EvaluationStack(method.Body);
                if (stack.Before(instruction).FirstOrDefault().Kind == StackKind.Int64)
                {
                    yield return At(method, instruction, "divides signed 64-bit numbers");
                }
            }
            else if (instruction.Callee() is { } callee && DividesWide(callee))
            {
                yield return At(method, instruction, "divides signed 64-bit numbers");
            }
        }
    }

    private static bool DividesWide(MethodReference callee) => callee.Name == nameof(Math.DivRem)
        && callee.Parameters.Any(parameter => parameter.ParameterType.MetadataType == MetadataType.Int64);
}
