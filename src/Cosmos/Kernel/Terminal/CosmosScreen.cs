using System;
using Cosmos.System;
using CosmosConsole = Cosmos.System.Console;

namespace VirtioGuest.Cosmos.Kernel.Terminal;

/// <summary>Cosmos' text screen.</summary>
internal sealed class CosmosScreen : Screen
{
    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> ascii)
    {
        CosmosConsole console = Global.Console;
        console.Write(ascii);
        console.UpdateCursorFromCache();
    }

    /// <inheritdoc/>
    public override void MoveBack()
    {
        CosmosConsole console = Global.Console;
        if (console.X > 0)
        {
            console.X--;
        }
    }
}

/// <summary>A text screen with a cursor.</summary>
internal abstract class Screen
{
    /// <summary>Shows characters at the cursor: printable ones, and LF, which starts a new line.</summary>
    public abstract void Write(ReadOnlySpan<byte> ascii);

    /// <summary>Moves the cursor back by one place, if it is not at the start of its line.</summary>
    public abstract void MoveBack();
}
