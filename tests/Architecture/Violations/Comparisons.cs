using System;
using System.Collections.Generic;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Ways to compare structures.</summary>
public static class Comparisons
{
    [Breaks(typeof(StructureEquality))]
    public static bool Direct(Bare one, Bare other) => one.Equals(other);

    [Breaks(typeof(StructureEquality))]
    public static bool Static(Bare one, object other) => Equals(one, other);

    [Breaks(typeof(StructureEquality))]
    public static bool OnObject(object one, Bare other) => one.Equals(other);

    [Breaks(typeof(StructureEquality))]
    public static bool Comparer(Bare one, Bare other) => EqualityComparer<Bare>.Default.Equals(one, other);

    [Breaks(typeof(StructureEquality))]
    public static bool Contained(List<Bare> values, Bare value) => values.Contains(value);

    [Breaks(typeof(StructureEquality))]
    public static int Keyed(Dictionary<Bare, int> values, Bare key) => values[key];

    public static bool Fields(Bare one, Bare other) => one.Value == other.Value;

    public static bool Own(TimeSpan one, TimeSpan other) => one.Equals((object)other) && one.Equals(other);

    public static bool Text(string one, object other) => one.Equals(other) && Equals(one, other);

    public static bool Numbers(List<int> values, Dictionary<string, Bare> bare) => values.Contains(bare.Count);

    public readonly struct Bare(int value)
    {
        public int Value { get; } = value;
    }
}
