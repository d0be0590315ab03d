namespace VirtioGuest.Build.Image;

/// <summary>An entry of a symbol table.</summary>
internal sealed record ElfSymbol(string Name, ulong Value, bool IsDefined, bool IsGlobal, bool IsFunction);
