using System.Collections.Generic;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset;

/// <summary>
/// One thing that the driver assemblies do without, because Cosmos' compiler (IL2CPU) refuses it or gets it wrong.
/// </summary>
/// <remarks>
/// A rule reads one type at a time and carries no state. Where it cannot tell, it reports: a driver can always be
/// written another way, and a wrong instruction found on the machine costs days.
/// </remarks>
public abstract class SubsetRule
{
    /// <summary>What to write instead, as an advice to whoever broke the rule.</summary>
    public abstract string Instead { get; }

    /// <summary>Reports what is wrong with a type and its members, but not with the types nested in it.</summary>
    public virtual IEnumerable<Finding> Check(TypeDefinition type)
    {
        foreach (MethodDefinition method in type.Methods)
        {
            foreach (Finding finding in Check(method))
            {
                yield return finding;
            }
        }
    }

    /// <inheritdoc/>
    public override string ToString() => GetType().Name;

    /// <summary>Reports what is wrong with a method.</summary>
    protected virtual IEnumerable<Finding> Check(MethodDefinition method)
    {
        if (!method.HasBody)
        {
            yield break;
        }

        foreach (Instruction instruction in method.Body.Instructions)
        {
            if (Objection(method, instruction) is string objection)
            {
                yield return At(method, instruction, objection);
            }
        }
    }

    /// <summary>Says what is wrong with an instruction, or nothing.</summary>
    protected virtual string? Objection(MethodDefinition method, Instruction instruction) => null;

    /// <summary>A finding at an instruction.</summary>
    protected static Finding At(MethodDefinition method, Instruction instruction, string what) =>
        new(method.DeclaringType.FullName, method.Name, instruction.Offset, what);

    /// <summary>A finding about a member as a whole.</summary>
    protected static Finding At(IMemberDefinition member, string what) =>
        new(member.DeclaringType.FullName, member.Name, null, what);

    /// <summary>A finding about a type as a whole.</summary>
    protected static Finding At(TypeDefinition type, string what) => new(type.FullName, null, null, what);
}
