using System;
using Cosmos.System;
using VirtioGuest.Commands.Text;
using VirtioGuest.Cosmos.Kernel.Machine;
using CosmosConsole = Cosmos.System.Console;

namespace VirtioGuest.Cosmos.Kernel.Terminal;

/// <summary>Text on the serial line and on the screen.</summary>
/// <remarks>
/// A terminal on a serial line needs CR and LF at the end of a line; the screen needs a call to move its cursor back.
/// </remarks>
internal sealed class TerminalOutput : TextOutput
{
    private const byte Backspace = 0x08;

    private readonly SerialPort _serial;
    private readonly Screen _screen;
    private readonly MemoryKeeper _memory;

    internal TerminalOutput(SerialPort serial, Screen screen, MemoryKeeper memory)
    {
        _serial = serial;
        _screen = screen;
        _memory = memory;
    }

    public override void Write(ReadOnlySpan<byte> ascii)
    {
        // Every command that runs for long writes lines.
        _memory.Check();
        int shown = 0;
        for (int i = 0; i < ascii.Length; i++)
        {
            byte character = ascii[i];
            if (character == '\n')
            {
                _serial.Send((byte)'\r');
            }

            _serial.Send(character);
            if (character == Backspace)
            {
                Show(ascii.Slice(shown, i - shown));
                _screen.MoveBack();
                shown = i + 1;
            }
        }

        Show(ascii.Slice(shown));
    }

    private void Show(ReadOnlySpan<byte> ascii)
    {
        if (ascii.Length != 0)
        {
            _screen.Write(ascii);
        }
    }
}

internal sealed class CosmosScreen : Screen
{
    public override void Write(ReadOnlySpan<byte> ascii)
    {
        CosmosConsole console = Global.Console;
        console.Write(ascii);
        console.UpdateCursorFromCache();
    }

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
    /// <summary>Shows printable characters at the cursor; LF starts a new line.</summary>
    public abstract void Write(ReadOnlySpan<byte> ascii);

    /// <summary>Moves the cursor back by one column, unless it is at the start of its line.</summary>
    public abstract void MoveBack();
}
