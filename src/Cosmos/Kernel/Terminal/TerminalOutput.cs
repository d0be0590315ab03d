using System;
using VirtioGuest.Commands.Text;

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

    /// <summary>Writes to both.</summary>
    internal TerminalOutput(SerialPort serial, Screen screen)
    {
        _serial = serial;
        _screen = screen;
    }

    /// <inheritdoc/>
    public override void Write(ReadOnlySpan<byte> ascii)
    {
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
