using System;
using Cosmos.System;
using VirtioGuest.Commands.Text;
using VirtioGuest.Cosmos.Kernel.Machine;
using CosmosConsole = Cosmos.System.Console;

namespace VirtioGuest.Cosmos.Kernel.Terminal;

/// <summary>Text on the serial line and on the screen.</summary>
/// <remarks>
/// Terminals on a serial line want CR and LF at the end of a line; screens move back only where they are told to.
/// </remarks>
internal sealed class TerminalOutput : TextOutput
{
    private const byte Backspace = 0x08;

    private readonly SerialPort _serial;
    private readonly Screen _screen;
    private readonly MemoryKeeper _memory;

    /// <summary>Writes to both.</summary>
    /// <param name="serial">The serial line.</param>
    /// <param name="screen">The screen.</param>
    /// <param name="memory">Who says when there is no memory left: whatever goes on for long writes lines.</param>
    internal TerminalOutput(SerialPort serial, Screen screen, MemoryKeeper memory)
    {
        _serial = serial;
        _screen = screen;
        _memory = memory;
    }

    public override void Write(ReadOnlySpan<byte> ascii)
    {
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

/// <summary>Cosmos' text screen.</summary>
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
    /// <summary>Shows characters at the cursor: printable ones, and LF, which starts a new line.</summary>
    public abstract void Write(ReadOnlySpan<byte> ascii);

    /// <summary>Moves the cursor back by one place, if it is not at the start of its line.</summary>
    public abstract void MoveBack();
}
