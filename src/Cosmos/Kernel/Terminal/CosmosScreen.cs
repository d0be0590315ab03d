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
