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
