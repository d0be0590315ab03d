namespace System.Runtime;

/// <summary>Only LibOS' own core library has this attribute; on the host it does nothing.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class RuntimeExportAttribute : Attribute
{
    public RuntimeExportAttribute(string entry) => Entry = entry;

    public string Entry { get; }
}
