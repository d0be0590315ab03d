using System;

namespace IL2CPU.API.Attribs;

[AttributeUsage(AttributeTargets.Class, AllowMultiple = false, Inherited = false)]
public sealed class Plug : Attribute
{
    public Type Target { get => throw null; set => throw null; }
}
