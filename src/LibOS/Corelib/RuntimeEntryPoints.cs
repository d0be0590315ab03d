// What compiled code calls when something goes wrong, and the type checks that ILC expects to find. In LibOS each of
// these ends the machine with a report: there are no exceptions here.

using System;
using System.Runtime;
using System.Runtime.CompilerServices;
using VirtioGuest.LibOS;

namespace Internal.Runtime
{
    public unsafe struct MethodTable
    {
        internal ushort ComponentSize;
        internal ushort Flags;
        internal uint BaseSize;
        internal MethodTable* RelatedType;
        internal ushort VtableSlots;
        internal ushort InterfaceCount;
        internal uint HashCode;
    }
}

namespace Internal.Runtime.CompilerHelpers
{
    internal static class ThrowHelpers
    {
        internal static void ThrowIndexOutOfRangeException() => Panic.Fail("index out of range in LibOS");

        private static void ThrowDivideByZeroException() => Panic.Fail("division by zero in LibOS");

        private static void ThrowOverflowException() => Panic.Fail("arithmetic overflow in LibOS");

        private static void ThrowNullReferenceException() => Panic.Fail("null reference in LibOS");

        private static void ThrowPlatformNotSupportedException() => Panic.Fail("unsupported operation in LibOS");

        private static void ThrowInvalidProgramException() => Panic.Fail("invalid program in LibOS");

        private static void ThrowInvalidProgramExceptionWithArgument() => Panic.Fail("invalid program in LibOS");

        private static void ThrowTypeLoadException() => Panic.Fail("type load failure in LibOS");

        private static void ThrowFeatureBodyRemoved() => Panic.Fail("removed feature called in LibOS");

        private static void ThrowBodyRemoved() => Panic.Fail("removed method called in LibOS");

        private static void ThrowInstanceBodyRemoved() => Panic.Fail("removed method called in LibOS");

        private static void ThrowUnavailableType() => Panic.Fail("unavailable type used in LibOS");
    }

    internal static class StartupCodeHelpers { }
}

namespace System.Runtime
{
    internal static unsafe class TypeCast
    {
        private static void StelemRef(object?[] array, nint index, object? value) => Panic.Fail("array store in LibOS");

        private static ref object? LdelemaRef(object?[] array, nint index, Internal.Runtime.MethodTable* elementType)
        {
            Panic.Fail("array element address in LibOS");
            return ref Unsafe.As<byte, object?>(ref Unsafe.As<RawArrayData>(array).Data);
        }

        private static object? IsInstanceOfClass(Internal.Runtime.MethodTable* type, object? value)
        {
            if (value is not null)
            {
                for (var candidate = value.methodTable; candidate != null; candidate = candidate->RelatedType)
                {
                    if (candidate == type)
                    {
                        return value;
                    }
                }
            }

            return null;
        }

        private static object? CheckCastClass(Internal.Runtime.MethodTable* type, object? value)
        {
            if (value is not null && IsInstanceOfClass(type, value) is null)
            {
                Panic.Fail("invalid cast in LibOS");
            }

            return value;
        }

        private static object? CheckCastClassSpecial(Internal.Runtime.MethodTable* type, object? value) =>
            CheckCastClass(type, value);

        private static object? CheckCastAny(Internal.Runtime.MethodTable* type, object? value) =>
            CheckCastClass(type, value);

        private static object? CheckCastInterface(Internal.Runtime.MethodTable* type, object? value) =>
            CheckCastClass(type, value);

        private static object? IsInstanceOfAny(Internal.Runtime.MethodTable* type, object? value) =>
            IsInstanceOfClass(type, value);

        private static object? IsInstanceOfInterface(Internal.Runtime.MethodTable* type, object? value) =>
            IsInstanceOfClass(type, value);

        private static object? IsInstanceOfException(Internal.Runtime.MethodTable* type, object? value) =>
            IsInstanceOfClass(type, value);

        private static bool IsInstanceOfExceptionClass(Internal.Runtime.MethodTable* type, object? value) =>
            IsInstanceOfClass(type, value) is not null;
    }

    // Calls from assembly arrive here as if from native code; there is no garbage collector to tell.
    internal static class RuntimeExports
    {
        [RuntimeExport("RhpReversePInvoke")]
        private static void ReversePInvoke(IntPtr frame) { }

        [RuntimeExport("RhpReversePInvokeReturn")]
        private static void ReversePInvokeReturn(IntPtr frame) { }

        [RuntimeExport("RhpFallbackFailFast")]
        private static void FallbackFailFast() => Panic.Fail("fail-fast in LibOS");
    }
}
