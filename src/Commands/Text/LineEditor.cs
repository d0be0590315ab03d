using System;
using System.Collections.Generic;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Text;

/// <summary>
/// Reads lines from a terminal that sends every key as it is pressed: echo, Backspace, Ctrl+U (clear), Ctrl+W (erase a
/// word), Ctrl+C (give up the line), Ctrl+D on an empty line (<c>exit</c>) and the lines typed before on the up and
/// down keys.
/// </summary>
/// <remarks>
/// A line ends with CR, LF or both. A tab is a blank. A line is taken whole or refused (<see cref="Refusal"/>):
/// characters that no command uses are kept and shown (<c>^A</c>, <c>?</c>) and can be erased, but nothing is left out
/// to make the rest fit.
/// </remarks>
public sealed class LineEditor
{
    /// <summary>The longest line that is accepted, in characters.</summary>
    public const int MaximumLength = 64 * 1024;

    private const int FirstCapacity = 512;
    private const int MaximumHistory = 32;

    private const byte ControlC = 0x03;
    private const byte ControlD = 0x04;
    private const byte Backspace = 0x08;
    private const byte Tab = 0x09;
    private const byte LineFeed = 0x0A;
    private const byte CarriageReturn = 0x0D;
    private const byte ControlU = 0x15;
    private const byte ControlW = 0x17;
    private const byte Escape = 0x1B;
    private const byte Delete = 0x7F;

    private readonly ByteInput _input;
    private readonly TextOutput _output;
    private readonly byte[] _echo = new byte[1];
    private readonly List<string> _history = new();
    private char[] _line = new char[FirstCapacity];
    private int _length;
    private int _historyIndex;
    private byte _next;
    private bool _hasNext;
    private bool _wasCarriageReturn;
    private bool _isTooLong;
    private bool _hasLoss;

    public LineEditor(ByteInput input, TextOutput output)
    {
        _input = input;
        _output = output;
    }

    /// <summary>Why the last line was refused, in words; null where it was not.</summary>
    public string? Refusal { get; private set; }

    /// <summary>Shows a prompt and reads a line.</summary>
    /// <returns>The line without its end; empty where it was given up or refused.</returns>
    public string ReadLine(string prompt)
    {
        _output.Write(prompt);
        _length = 0;
        _isTooLong = false;
        _hasLoss = false;
        _historyIndex = _history.Count;
        Refusal = null;
        while (true)
        {
            byte key = ReadKey();
            bool endsPair = key == LineFeed && _wasCarriageReturn;
            _wasCarriageReturn = key == CarriageReturn;
            switch (key)
            {
                case CarriageReturn:
                case LineFeed when !endsPair:
                    _output.WriteLine("");
                    return TakeLine();
                case LineFeed:
                    break;
                case ControlC:
                    _output.WriteLine("^C");
                    return "";
                case ControlD when _length == 0 && !_isTooLong && !_hasLoss:
                    _output.WriteLine("exit");
                    return "exit";
                case ControlU:
                    Erase(_length);
                    _isTooLong = false;
                    break;
                case ControlW:
                    EraseWord();
                    break;
                case Backspace or Delete:
                    Erase(Math.Min(_length, 1));
                    break;
                case Escape:
                    ReadEscape();
                    break;
                case Tab:
                    Put((byte)' ');
                    break;
                default:
                    Put(key);
                    break;
            }
        }
    }

    private byte ReadKey()
    {
        if (_hasNext)
        {
            _hasNext = false;
            return _next;
        }

        byte key = _input.Read();
        _hasLoss |= _input.TakeLoss();
        return key;
    }

    private void Put(byte key)
    {
        if (_length == MaximumLength)
        {
            _isTooLong = true;
            return;
        }

        if (_length == _line.Length)
        {
            var longer = new char[_line.Length * 2];
            for (int index = 0; index < _length; index++)
            {
                longer[index] = _line[index];
            }

            _line = longer;
        }

        _line[_length++] = (char)key;
        if (key < ' ')
        {
            Echo((byte)'^');
            Echo((byte)(key + '@'));
        }
        else
        {
            Echo(IsText((char)key) ? key : (byte)'?');
        }
    }

    private void Echo(byte character)
    {
        _echo[0] = character;
        _output.Write(_echo);
    }

    private string TakeLine()
    {
        Refusal = FindFault();
        if (Refusal is not null)
        {
            return "";
        }

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

    private string? FindFault()
    {
        if (_hasLoss)
        {
            return "part of this line was lost: it is not run";
        }

        if (_isTooLong)
        {
            return "this line is longer than 64 KiB: it is not run";
        }

        for (int index = 0; index < _length; index++)
        {
            if (!IsText(_line[index]))
            {
                return "this line contains a character that no command uses (0x" + Hexadecimal.Format(_line[index], 2)
                    + "): it is not run";
            }
        }

        return null;
    }

    private static bool IsText(char character) => character is >= ' ' and < (char)Delete;

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

    // ESC [ parameters final (ECMA-48, 5.4), or ESC O final, as some terminals send the arrow keys. Anything else is
    // shown, and the byte that broke it off is a key like any other: a line's end must not get lost in it.
    private void ReadEscape()
    {
        byte next = ReadKey();
        bool isSequence = next is (byte)'[' or (byte)'O';
        bool hasParameters = next == (byte)'[';
        if (isSequence)
        {
            next = ReadKey();
            while (hasParameters && next is >= 0x20 and <= 0x3F)
            {
                next = ReadKey();
            }
        }

        if (!isSequence || next is < 0x40 or > 0x7E)
        {
            Put(Escape);
            _next = next;
            _hasNext = true;
            return;
        }

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
        _isTooLong = false;
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

    private void EraseWord()
    {
        int start = _length;
        while (start > 0 && _line[start - 1] == ' ')
        {
            start--;
        }

        while (start > 0 && _line[start - 1] != ' ')
        {
            start--;
        }

        Erase(_length - start);
    }

    private void Erase(int count)
    {
        for (; count > 0; count--)
        {
            _length--;
            _output.Write(_line[_length] < ' ' ? "\b\b  \b\b" : "\b \b");
        }
    }
}

/// <summary>What a person types, as bytes.</summary>
public abstract class ByteInput
{
    /// <summary>Waits for the next byte.</summary>
    public abstract byte Read();

    /// <summary>
    /// Whether bytes were lost before the one that <see cref="Read"/> returned last; true only once for each loss. An
    /// input that loses nothing, or does not notice, always says no.
    /// </summary>
    public virtual bool TakeLoss() => false;
}
