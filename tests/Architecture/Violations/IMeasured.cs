using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Interface members that carry more than a signature.</summary>
public interface IMeasured
{
    [Breaks(typeof(StaticAbstractMembers))]
    static abstract int Smallest();

    [Breaks(typeof(StaticAbstractMembers))]
    static virtual int Largest() => 3;

    [Breaks(typeof(DefaultInterfaceMethods))]
    int Half() => Length() / 2;

    static int None() => 0;

    int Length();
}
