using System;
using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>No events and no delegates of several targets: IL2CPU refuses them.</summary>
public sealed class EventsAndMulticastDelegates : SubsetRule
{
    private const string Delegate = "System.Delegate";

    /// <inheritdoc/>
    public override string Instead => "take one listener, an object of an abstract class, when the publisher is made";

    /// <inheritdoc/>
    public override IEnumerable<Finding> Check(TypeDefinition type) =>
        type.Events.Select(each => At(each, "is an event")).Concat(base.Check(type));

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        bool joins = instruction.Callee() is { } callee
            && (callee.Is(Delegate, nameof(System.Delegate.Combine))
                || callee.Is(Delegate, nameof(System.Delegate.Remove))
                || callee.Is(Delegate, nameof(System.Delegate.RemoveAll)));
        return joins ? "adds a delegate to another or takes it away" : null;
    }
}
