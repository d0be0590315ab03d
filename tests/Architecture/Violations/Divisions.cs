using System;
using System.Collections.Generic;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Divisions of every kind of number.</summary>
public static class Divisions
{
    private static readonly long[] s_values = [1];

    private enum Wide : long
    {
        One = 1,
    }

    [Breaks(typeof(SignedWideDivision))]
    public static long Quotient(long one, long other) => one / other;

    [Breaks(typeof(SignedWideDivision))]
    public static long Rest(int one, long other) => one % (other < 0 ? -other : other);

    [Breaks(typeof(SignedWideDivision))]
    public static int Narrowed(int one, uint other) => (int)((one + (long)other) / 10);

    [Breaks(typeof(SignedWideDivision))]
    public static long Element(int index, bool first) => s_values[index] / (first ? s_values[0] : s_values[^1]);

    [Breaks(typeof(SignedWideDivision))]
    public static long Generic(List<long> values, Lazy<long> other) => 7 + values[0] / other.Value;

    [Breaks(typeof(SignedWideDivision))]
    public static long Pointed(ref long one, out long rest) => one / (rest = one++ >> 3);

    [Breaks(typeof(SignedWideDivision))]
    public static long Pair(long one, long other) => Math.DivRem(one, other, out long rest) + rest;

    [Breaks(typeof(SignedWideDivision))]
    public static long Caught(long one, Func<long> other)
    {
        try
        {
            return one / other();
        }
        catch (Exception exception)
        {
            return one % exception.Message.Length;
        }
    }

    [Breaks(typeof(SignedWideDivision))]
    public static long Numbered(int one) => (long)(one > 3 ? Wide.One : (Wide)one) / (long)Find(one);

    public static ulong Unsigned(ulong one, ulong other) => (one / other) + (one % other);

    public static int Word(int one, int other, string text) => (one / other) + (text.Length % (int)(uint)other);

    public static nint Native(nint one, nint other) => one / other;

    public static unsafe long Distance(long* one, long* other) => 1 + (int)(one - other);

    public static double Real(double one, float other, long count) => (one / other) + (count % one);

    public static long Shifted(long one) => one >> 3;

    private static Wide Find(int one) => (Wide)one;
}
