using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Subset;

/// <summary>Every rule of the IL2CPU-safe subset.</summary>
public static class SubsetRules
{
    /// <summary>The rules, one for each item of the list</summary>
    public static IReadOnlyList<SubsetRule> All { get; } =
    [
        new StaticAbstractMembers(),
        new DefaultInterfaceMethods(),
        new EventsAndMulticastDelegates(),
        new Records(),
        new AsyncMethods(),
        new ExceptionFilters(),
        new TypedCatches(),
        new FinallyHandlers(),
        new WideVolatile(),
        new ForeignBarriers(),
        new Locks(),
        new BlockCopies(),
        new NewOfTypeParameter(),
        new MultidimensionalArrays(),
        new SignedWideDivision(),
        new PopulationCounts(),
        new EnumText(),
        new NumberText(),
        new AllocationsInLoops(),
        new TwoFixedBuffers(),
        new PointerSizes(),
        new StructureEquality(),
    ];

    /// <summary>Reports what breaks a rule in a type and in the types nested in it.</summary>
    public static IEnumerable<Finding> CheckWithNested(this SubsetRule rule, TypeDefinition type) =>
        rule.Check(type).Concat(type.NestedTypes.SelectMany(nested => rule.CheckWithNested(nested)));
}
