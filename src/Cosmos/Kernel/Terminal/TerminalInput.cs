using Cosmos.System;
using VirtioGuest.Commands.Text;
using VirtioGuest.Cosmos.Kernel.Machine;

namespace VirtioGuest.Cosmos.Kernel.Terminal;

/// <summary>What is typed on the serial line and on the keyboard.</summary>
/// <remarks>A key becomes the bytes that a terminal sends for it.</remarks>
internal sealed class TerminalInput : ByteInput
{
    /// <summary>
    /// How often both are polled before the processor rests until the next interrupt. Between two typed characters it
    /// does not.
    /// </summary>
    internal const int PollsBeforeRest = 10_000;

    private const byte CarriageReturn = 0x0D;
    private const byte LineFeed = 0x0A;
    private const byte Backspace = 0x08;
    private const byte Escape = 0x1B;

    private readonly SerialPort _serial;
    private readonly Keyboard _keyboard;
    private readonly MachineSwitches _switches;
    private readonly MemoryKeeper _memory;
    private readonly byte[] _pending = new byte[2];
    private int _pendingCount;
    private int _lineLength;

    internal TerminalInput(SerialPort serial, Keyboard keyboard, MachineSwitches switches, MemoryKeeper memory)
    {
        _serial = serial;
        _keyboard = keyboard;
        _switches = switches;
        _memory = memory;
    }

    public override byte Read()
    {
        int polls = 0;
        byte value;
        while (!TryReadPending(out value) && !_serial.TryReceive(out value) && !TryReadKey(out value))
        {
            polls++;
            if (polls >= PollsBeforeRest)
            {
                // Frames that arrive while nothing is typed use up memory too.
                _memory.Tidy();
                _switches.Rest();
            }
        }

        _lineLength = value == CarriageReturn || value == LineFeed ? 0 : _lineLength + 1;
        _memory.NoteLine(_lineLength);
        return value;
    }

    private bool TryReadPending(out byte value)
    {
        value = 0;
        if (_pendingCount == 0)
        {
            return false;
        }

        _pendingCount--;
        value = _pending[_pendingCount];
        return true;
    }

    private bool TryReadKey(out byte value)
    {
        value = 0;
        if (!_keyboard.TryTake(out Key key, out char character))
        {
            return false;
        }

        switch (key)
        {
            case Key.Enter:
                value = CarriageReturn;
                return true;
            case Key.Backspace:
                value = Backspace;
                return true;
            case Key.Up:
                value = Arrow((byte)'A');
                return true;
            case Key.Down:
                value = Arrow((byte)'B');
                return true;
            case Key.Character:
                value = (byte)character;
                return character < 0x80;
            default:
                return false;
        }
    }

    /// <summary>An arrow key is ESC [ A or ESC [ B (ECMA-48, 8.3.22 and 8.3.19).</summary>
    /// <returns>The first byte; the others are pending.</returns>
    private byte Arrow(byte final)
    {
        _pending[0] = final;
        _pending[1] = (byte)'[';
        _pendingCount = 2;
        return Escape;
    }
}

/// <summary>The keys that Cosmos' interrupt handler has queued.</summary>
internal sealed class CosmosKeyboard : Keyboard
{
    public override bool TryTake(out Key key, out char character)
    {
        key = Key.None;
        character = '\0';
        if (!KeyboardManager.TryReadKey(out KeyEvent pressed))
        {
            return false;
        }

        character = pressed.KeyChar;
        key = KeyOf(pressed.Key, character);
        return true;
    }

    private static Key KeyOf(ConsoleKeyEx key, char character)
    {
        switch (key)
        {
            case ConsoleKeyEx.Enter:
            case ConsoleKeyEx.NumEnter:
                return Key.Enter;
            case ConsoleKeyEx.Backspace:
                return Key.Backspace;
            case ConsoleKeyEx.UpArrow:
                return Key.Up;
            case ConsoleKeyEx.DownArrow:
                return Key.Down;
            default:
                return character == '\0' ? Key.None : Key.Character;
        }
    }
}

internal abstract class Keyboard
{
    /// <summary>Takes the oldest key that was pressed.</summary>
    /// <param name="key">Which key.</param>
    /// <param name="character">What it types, for <see cref="Key.Character"/>.</param>
    /// <returns>False where no key waits.</returns>
    public abstract bool TryTake(out Key key, out char character);
}

/// <summary>The keys that a line editor knows.</summary>
internal enum Key
{
    /// <summary>Any other key.</summary>
    None,

    /// <summary>A key that types a character.</summary>
    Character,
    Enter,
    Backspace,
    Up,
    Down,
}
