using System;
using System.Collections.Generic;

namespace VirtioGuest.Commands.Text;

/// <summary>
/// Reads lines from a terminal that sends every key as it is pressed: echo, backspace, Ctrl-U (clear), Ctrl-C (give up
/// the line) and the lines typed before on the up and down keys.
/// </summary>
/// <remarks>
/// A line ends with CR, LF or both. Bytes outside of printable ASCII and unknown escape sequences are ignored.
/// </remarks>
public sealed class LineEditor
{
    private const int MaximumLength = 512;
    private const int MaximumHistory = 32;

    private const byte ControlC = 0x03;
    private const byte Backspace = 0x08;
    private const byte LineFeed = 0x0A;
    private const byte CarriageReturn = 0x0D;
    private const byte ControlU = 0x15;
    private const byte Escape = 0x1B;
    private const byte Delete = 0x7F;

    private readonly ByteInput _input;
    private readonly TextOutput _output;
    private readonly char[] _line = new char[MaximumLength];
    private readonly byte[] _echo = new byte[1];
    private readonly List<string> _history = new();
    private int _length;
    private int _historyIndex;
    private bool _wasCarriageReturn;

    /// <summary>Creates an editor with nothing in its history.</summary>
    public LineEditor(ByteInput input, TextOutput output)
    {
        _input = input;
        _output = output;
    }

    /// <summary>Shows a prompt and reads a line.</summary>
    /// <returns>The line without its end; empty where it was given up.</returns>
    public string ReadLine(string prompt)
    {
        _output.Write(prompt);
        _length = 0;
        _historyIndex = _history.Count;
        while (true)
        {
            byte key = _input.Read();
            bool endsPair = key == LineFeed && _wasCarriageReturn;
            _wasCarriageReturn = key == CarriageReturn;
            switch (key)
            {
                case CarriageReturn:
                case LineFeed when !endsPair:
                    _output.WriteLine("");
                    return TakeLine();
                case ControlC:
                    _output.WriteLine("^C");
                    return "";
                case ControlU:
                    Erase(_length);
                    break;
                case Backspace or Delete:
                    Erase(Math.Min(_length, 1));
                    break;
                case Escape:
                    ReadEscape();
                    break;
                case >= (byte)' ' and < Delete when _length < MaximumLength:
                    _line[_length++] = (char)key;
                    _echo[0] = key;
                    _output.Write(_echo);
                    break;
                default:
                    break;
            }
        }
    }

    private string TakeLine()
    {
        var line = new string(_line, 0, _length);
        if (!IsBlank(line) && (_history.Count == 0 || _history[^1] != line))
        {
            if (_history.Count == MaximumHistory)
            {
                _history.RemoveAt(0);
            }

            _history.Add(line);
        }

        return line;
    }

    private static bool IsBlank(string line)
    {
        foreach (char character in line)
        {
            if (character != ' ')
            {
                return false;
            }
        }

        return true;
    }

    // ESC [ parameters final (ECMA-48, 5.4), or ESC O final as some terminals send the arrow keys.
    private void ReadEscape()
    {
        byte next = _input.Read();
        if (next is not ((byte)'[' or (byte)'O'))
        {
            return;
        }

        do
        {
            next = _input.Read();
        }
        while (next is >= 0x20 and <= 0x3F);

        switch (next)
        {
            case (byte)'A' when _historyIndex > 0:
                ShowHistory(_historyIndex - 1);
                break;
            case (byte)'B' when _historyIndex < _history.Count:
                ShowHistory(_historyIndex + 1);
                break;
            default:
                break;
        }
    }

    private void ShowHistory(int index)
    {
        Erase(_length);
        _historyIndex = index;
        if (index < _history.Count)
        {
            string line = _history[index];
            for (_length = 0; _length < line.Length; _length++)
            {
                _line[_length] = line[_length];
            }

            _output.Write(line);
        }
    }

    private void Erase(int count)
    {
        for (; count > 0; count--)
        {
            _length--;
            _output.Write("\b \b");
        }
    }
}
