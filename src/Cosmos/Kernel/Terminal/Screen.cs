using System;

namespace VirtioGuest.Cosmos.Kernel.Terminal;

/// <summary>A text screen with a cursor.</summary>
internal abstract class Screen
{
    /// <summary>Shows characters at the cursor: printable ones, and LF, which starts a new line.</summary>
    public abstract void Write(ReadOnlySpan<byte> ascii);

    /// <summary>Moves the cursor back by one place, if it is not at the start of its line.</summary>
    public abstract void MoveBack();
}
