using System;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Records, and a structure that only looks like one.</summary>
public static class RecordTypes
{
    [Breaks(typeof(Records))]
    public sealed record Person(string Name);

    [Breaks(typeof(Records))]
    public readonly record struct Point(int X, int Y);

    public readonly struct Plain(int value) : IEquatable<Plain>
    {
        public int Value { get; } = value;

        public static bool operator ==(Plain one, Plain other) => one.Equals(other);

        public static bool operator !=(Plain one, Plain other) => !one.Equals(other);

        public bool Equals(Plain other) => other.Value == Value;

        public override bool Equals(object? obj) => obj is Plain plain && Equals(plain);

        public override int GetHashCode() => Value;
    }
}
