// What compiled code calls without saying so, and what little else LibOS uses of .NET's library.

using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace System
{
    /// <summary>A read-only view of constant data: the type of <c>u8</c> literals.</summary>
    public readonly ref struct ReadOnlySpan<T>
    {
        private readonly ref T reference;
        private readonly int length;

        public unsafe ReadOnlySpan(void* pointer, int length)
        {
            reference = ref *(T*)pointer;
            this.length = length;
        }

        public int Length => length;

        public ref readonly T this[int index]
        {
            [Intrinsic]
            get
            {
                if ((uint)index >= (uint)length)
                {
                    Internal.Runtime.CompilerHelpers.ThrowHelpers.ThrowIndexOutOfRangeException();
                }

                return ref Unsafe.Add(ref reference, index);
            }
        }

        public ref readonly T GetPinnableReference() => ref reference;
    }

    public static class Math
    {
        public static uint Min(uint first, uint second) => first < second ? first : second;

        public static ulong Min(ulong first, ulong second) => first < second ? first : second;

        public static uint Max(uint first, uint second) => first > second ? first : second;

        public static ulong Max(ulong first, ulong second) => first > second ? first : second;
    }

    internal static class Buffer
    {
        private static void BulkMoveWithWriteBarrier(ref byte destination, ref byte source, nuint length) =>
            SpanHelpers.Memmove(ref destination, ref source, length);
    }

    internal static unsafe class SpanHelpers
    {
        public static void Memmove(ref byte destination, ref byte source, nuint length) =>
            CopyBytes(ref destination, ref source, length);

        public static void ClearWithoutReferences(ref byte destination, nuint length) =>
            FillBytes(ref destination, 0, length);

        public static void Fill(ref byte destination, byte value, nuint length) =>
            FillBytes(ref destination, value, length);

        [Runtime.RuntimeImport("processor_move")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern void CopyBytes(ref byte destination, ref byte source, nuint length);

        [Runtime.RuntimeImport("processor_fill")]
        [MethodImpl(MethodImplOptions.InternalCall)]
        private static extern void FillBytes(ref byte destination, byte value, nuint length);
    }
}

namespace System.Collections
{
    public interface IEnumerator
    {
        object? Current { get; }

        bool MoveNext();
    }

    public interface IEnumerable
    {
        IEnumerator GetEnumerator();
    }
}

namespace System.Threading
{
    public static class Volatile
    {
        [Intrinsic]
        public static uint Read(ref readonly uint location) =>
            Unsafe.As<uint, VolatileUInt32>(ref Unsafe.AsRef(in location)).Value;

        [Intrinsic]
        public static void Write(ref uint location, uint value) =>
            Unsafe.As<uint, VolatileUInt32>(ref location).Value = value;

        private struct VolatileUInt32
        {
            public volatile uint Value;
        }
    }

    public static class Interlocked
    {
        [Intrinsic]
        public static extern void MemoryBarrier();

        [Intrinsic]
        public static extern int CompareExchange(ref int location, int value, int comparand);

        [Intrinsic]
        public static extern int ExchangeAdd(ref int location, int value);
    }
}

namespace System.Runtime.InteropServices
{
    public static class MemoryMarshal
    {
        [Intrinsic]
        public static ref T GetArrayDataReference<T>(T[] array) =>
            ref Unsafe.As<byte, T>(ref Unsafe.As<RawArrayData>(array).Data);
    }

    public interface IDynamicInterfaceCastable
    {
        static IntPtr GetDynamicInterfaceImplementation(IDynamicInterfaceCastable instance, IntPtr type, ushort slot) =>
            default;

        bool IsInterfaceImplemented(RuntimeTypeHandle type, bool throwIfNotImplemented);

        RuntimeTypeHandle GetInterfaceImplementation(RuntimeTypeHandle type);
    }
}

namespace System.Runtime.CompilerServices
{
    public static class RuntimeFeature
    {
        public const string ByRefFields = nameof(ByRefFields);
        public const string DefaultImplementationsOfInterfaces = nameof(DefaultImplementationsOfInterfaces);
        public const string NumericIntPtr = nameof(NumericIntPtr);
        public const string UnmanagedSignatureCallingConvention = nameof(UnmanagedSignatureCallingConvention);
        public const string VirtualStaticsInInterfaces = nameof(VirtualStaticsInInterfaces);
    }

    public class RuntimeHelpers
    {
        public static int OffsetToStringData => 12;
    }

    public static class IsVolatile { }

    [StructLayout(LayoutKind.Sequential)]
    internal class RawArrayData
    {
        public uint Length;
        public uint Padding;
        public byte Data;
    }

    public static unsafe class Unsafe
    {
        [Intrinsic]
        public static extern ref T Add<T>(ref T source, int elementOffset);

        [Intrinsic]
        public static extern T As<T>(object? value)
            where T : class;

        [Intrinsic]
        public static extern ref TTo As<TFrom, TTo>(ref TFrom source);

        [Intrinsic]
        public static extern ref T AsRef<T>(scoped ref readonly T source);

        [Intrinsic]
        public static extern void* AsPointer<T>(ref T value);

        [Intrinsic]
        public static extern int SizeOf<T>();
    }

    // Statics with initialisers would be run from here. LibOS has none that the compiler cannot compute beforehand.
    internal static class ClassConstructorRunner
    {
        private static IntPtr CheckStaticClassConstructionReturnNonGCStaticBase(
            ref StaticClassConstructionContext context, IntPtr nonGcStaticBase)
        {
            CheckStaticClassConstruction(ref context);
            return nonGcStaticBase;
        }

        private static IntPtr CheckStaticClassConstructionReturnGCStaticBase(
            ref StaticClassConstructionContext context, IntPtr gcStaticBase)
        {
            CheckStaticClassConstruction(ref context);
            return gcStaticBase;
        }

        private static unsafe void CheckStaticClassConstruction(ref StaticClassConstructionContext context)
        {
            if (context.cctorMethodAddress != default)
            {
                IntPtr constructor = context.cctorMethodAddress;
                context.cctorMethodAddress = default;
                ((delegate*<void>)constructor)();
            }
        }
    }

    [StructLayout(LayoutKind.Sequential)]
    public struct StaticClassConstructionContext
    {
        public IntPtr cctorMethodAddress;
    }
}
