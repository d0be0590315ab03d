using System;

namespace IL2CPU.API.Attribs;

[AttributeUsage(AttributeTargets.Method, AllowMultiple = false)]
public sealed class PlugMethod : Attribute
{
    public Type Assembler { get => throw null; set => throw null; }
}
