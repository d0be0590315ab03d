using System;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Says that a rule must report what carries this: a member by itself, or a type for anything in it.</summary>
/// <param name="rule">The rule's type.</param>
[AttributeUsage(AttributeTargets.All, AllowMultiple = true)]
public sealed class BreaksAttribute(Type rule) : Attribute
{
    /// <summary>The rule's type.</summary>
    public Type Rule { get; } = rule;
}
