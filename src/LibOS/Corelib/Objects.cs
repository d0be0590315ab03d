// Reference types that the compilers insist on. LibOS never allocates one: the build refuses an object file that asks
// for an allocation.

using System.Runtime.CompilerServices;
using Internal.Runtime;

namespace System;

public unsafe class Object
{
    internal MethodTable* methodTable;

    public Object() { }

    ~Object() { }

    public virtual bool Equals(object? other) => (object)this == other;

    public virtual int GetHashCode() => 0;

    public virtual string? ToString() => null;
}

public sealed class String
{
    internal readonly int length;
    internal char firstCharacter;

    public int Length => length;

    [IndexerName("Chars")]
    public char this[int index]
    {
        [Intrinsic]
        get
        {
            if ((uint)index >= (uint)length)
            {
                Internal.Runtime.CompilerHelpers.ThrowHelpers.ThrowIndexOutOfRangeException();
            }

            return Unsafe.Add(ref firstCharacter, index);
        }
    }
}

public abstract class Array
{
    internal int length;

    public int Length => length;
}

internal class Array<T> : Array { }

public class Exception { }

public class Type { }

public class RuntimeType : Type { }

public struct RuntimeTypeHandle
{
    private IntPtr value;
}

public struct RuntimeMethodHandle
{
    private IntPtr value;
}

public struct RuntimeFieldHandle
{
    private IntPtr value;
}

public interface IDisposable
{
    void Dispose();
}

public abstract class Delegate
{
    internal object? m_firstParameter;
    internal object? m_helperObject;
    internal nint m_extraFunctionPointerOrData;
    internal IntPtr m_functionPointer;

    private void InitializeClosedStaticThunk(object firstParameter, IntPtr pointer, IntPtr thunk)
    {
        m_extraFunctionPointerOrData = pointer;
        m_helperObject = firstParameter;
        m_functionPointer = thunk;
        m_firstParameter = this;
    }

    private void InitializeOpenStaticThunk(object firstParameter, IntPtr pointer, IntPtr thunk)
    {
        m_firstParameter = this;
        m_functionPointer = thunk;
        m_extraFunctionPointerOrData = pointer;
    }

    private void InitializeClosedInstance(object firstParameter, IntPtr pointer)
    {
        m_functionPointer = pointer;
        m_firstParameter = firstParameter;
    }
}

public abstract class MulticastDelegate : Delegate { }
