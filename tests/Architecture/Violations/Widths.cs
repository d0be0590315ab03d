using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Ways to ask how wide an address is.</summary>
public static unsafe class Widths
{
    [Breaks(typeof(PointerSizes))]
    public static int Property() => IntPtr.Size + 1;

    [Breaks(typeof(PointerSizes))]
    public static int Unsigned() => UIntPtr.Size;

    [Breaks(typeof(PointerSizes))]
    public static int Operator() => sizeof(nint);

    [Breaks(typeof(PointerSizes))]
    public static int OfPointer() => sizeof(byte*);

    [Breaks(typeof(PointerSizes))]
    public static int Generic() => Unsafe.SizeOf<nuint>();

    [Breaks(typeof(PointerSizes))]
    public static bool Process() => Environment.Is64BitProcess;

    public static int Fixed() => sizeof(ulong) + Unsafe.SizeOf<uint>();
}
