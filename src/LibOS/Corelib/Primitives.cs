// The types that C# keywords stand for. The compiler knows their contents; only their names matter here.

namespace System;

public struct Void { }

public struct Boolean { }

public struct Char { }

public struct SByte { }

public struct Byte
{
    public const byte MaxValue = 255;
}

public struct Int16 { }

public struct UInt16
{
    public const ushort MaxValue = 0xFFFF;
}

public struct Int32
{
    public const int MaxValue = 0x7FFF_FFFF;
}

public struct UInt32
{
    public const uint MaxValue = 0xFFFF_FFFF;
}

public struct Int64
{
    public const long MaxValue = 0x7FFF_FFFF_FFFF_FFFF;
    public const long MinValue = unchecked((long)0x8000_0000_0000_0000);
}

public struct UInt64
{
    public const ulong MaxValue = 0xFFFF_FFFF_FFFF_FFFF;
}

public struct IntPtr { }

public struct UIntPtr { }

public struct Single { }

public struct Double { }

public abstract class ValueType { }

public abstract class Enum : ValueType { }

public struct Nullable<T>
    where T : struct
{
    private readonly bool hasValue;
    private readonly T value;

    public Nullable(T value)
    {
        this.value = value;
        hasValue = true;
    }

    public readonly bool HasValue => hasValue;

    public readonly T Value => value;
}
