using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No locks: a driver holds none, because whoever owns a queue already serialises its calls.</summary>
public sealed class Locks : SubsetRule
{
    /// <inheritdoc/>
    public override string Instead => "leave locking to the caller, which owns the queue";

    /// <inheritdoc/>
    protected override IEnumerable<Finding> Check(MethodDefinition method) => method.IsSynchronized
        ? base.Check(method).Prepend(At(method, "is synchronized"))
        : base.Check(method);

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        bool locks = instruction.Callee() is { } callee
            && (callee.IsOf("System.Threading.Monitor") || callee.IsOf("System.Threading.Lock"));
        return locks ? "uses a lock" : null;
    }
}
