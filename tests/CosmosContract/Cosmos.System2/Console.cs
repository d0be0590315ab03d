using System;

namespace Cosmos.System;

public class Console
{
    internal Console() => throw null;

    public int X { get => throw null; set => throw null; }

    public void UpdateCursorFromCache() => throw null;

    public void Write(ReadOnlySpan<byte> aText) => throw null;
}
