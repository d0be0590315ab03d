using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Ways to copy bytes.</summary>
public static unsafe class Copies
{
    [Breaks(typeof(BlockCopies))]
    public static void Block(byte* to, byte* from, uint count) => Unsafe.CopyBlock(to, from, count);

    [Breaks(typeof(BlockCopies))]
    public static void Unaligned(ref byte to, ref byte from, uint count) =>
        Unsafe.CopyBlockUnaligned(ref to, ref from, count);

    public static void Spans(byte* to, byte* from, int count) =>
        new ReadOnlySpan<byte>(from, count).CopyTo(new Span<byte>(to, count));
}
