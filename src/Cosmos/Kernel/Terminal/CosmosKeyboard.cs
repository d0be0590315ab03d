using Cosmos.System;

namespace VirtioGuest.Cosmos.Kernel.Terminal;

/// <summary>The keyboard, as Cosmos has taken its interrupts.</summary>
internal sealed class CosmosKeyboard : Keyboard
{
    /// <inheritdoc/>
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

/// <summary>The keyboard of the machine.</summary>
internal abstract class Keyboard
{
    /// <summary>Takes the oldest key that was pressed.</summary>
    /// <param name="key">Which key.</param>
    /// <param name="character">What it types, for <see cref="Key.Character"/>.</param>
    /// <returns>False where none is waiting.</returns>
    public abstract bool TryTake(out Key key, out char character);
}

/// <summary>Keys, as far as a line editor tells them apart.</summary>
internal enum Key
{
    /// <summary>A key that means nothing here.</summary>
    None,

    /// <summary>A key that types a character.</summary>
    Character,

    /// <summary>Ends a line.</summary>
    Enter,

    /// <summary>Takes the last character back.</summary>
    Backspace,

    /// <summary>To the line before.</summary>
    Up,

    /// <summary>To the next line.</summary>
    Down,
}
