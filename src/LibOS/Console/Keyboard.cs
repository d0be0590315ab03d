namespace VirtioGuest.LibOS.Console;

/// <summary>
/// Turns scan codes of set 1 into what a terminal sends, for the US layout, and puts that into
/// <see cref="ConsoleInput"/>.
/// </summary>
internal static class Keyboard
{
    private const byte ExtendedPrefix = 0xE0;
    private const byte PausePrefix = 0xE1;
    private const byte ReleaseBit = 0x80;

    // The keyboard's own buffer was full.
    private const byte OverrunCode = 0xFF;

    private const byte LeftShift = 0x2A;
    private const byte RightShift = 0x36;
    private const byte Control = 0x1D;
    private const byte CapsLock = 0x3A;
    private const byte NumLock = 0x45;
    private const byte KeypadFirst = 0x47;
    private const byte KeypadLast = 0x53;
    private const byte KeypadMinus = 0x4A;
    private const byte KeypadPlus = 0x4E;

    // Set 1, codes 0x00 to 0x39; a zero stands for a key that sends nothing by itself.
    private const string Plain =
        "\0\u001b1234567890-=\u007f\tqwertyuiop[]\r\0asdfghjkl;'`\0\\zxcvbnm,./\0*\0 ";

    private const string Shifted =
        "\0\u001b!@#$%^&*()_+\u007f\tQWERTYUIOP{}\r\0ASDFGHJKL:\"~\0|ZXCVBNM<>?\0*\0 ";

    // Codes 0x47 to 0x53 with num lock, and what they send without it: a letter ends ESC [, a digit also takes a tilde.
    private const string KeypadDigits = "789-456+1230.";

    private const string KeypadMoves = "HA5\0D\0C\0FB623";

    private static bool s_leftShift;
    private static bool s_rightShift;
    private static byte s_controls;
    private static bool s_capsLock;
    private static bool s_numLockOff;
    private static bool s_isExtended;
    private static byte s_pauseCodes;

    /// <summary>Forgets which keys are down; caps lock off, num lock on.</summary>
    public static void Reset()
    {
        s_leftShift = false;
        s_rightShift = false;
        s_controls = 0;
        s_capsLock = false;
        s_numLockOff = false;
        s_isExtended = false;
        s_pauseCodes = 0;
    }

    public static void Take(byte code)
    {
        if (s_pauseCodes != 0)
        {
            s_pauseCodes--;
            return;
        }

        if (code == OverrunCode)
        {
            s_isExtended = false;
            ConsoleInput.MarkLoss();
            return;
        }

        if (code == PausePrefix)
        {
            // Pause sends E1 1D 45 and E1 9D C5, which look like other keys.
            s_pauseCodes = 2;
            return;
        }

        if (code == ExtendedPrefix)
        {
            s_isExtended = true;
            return;
        }

        bool isExtended = s_isExtended;
        s_isExtended = false;
        bool isRelease = (code & ReleaseBit) != 0;
        var key = (byte)(code & ~ReleaseBit);
        if (!TakeModifier(key, isExtended, isRelease) && !isRelease)
        {
            Press(key, isExtended);
        }
    }

    private static bool TakeModifier(byte key, bool isExtended, bool isRelease)
    {
        switch (key)
        {
            case LeftShift:
                // An extended shift is made up by the keyboard around the grey keys.
                s_leftShift = isExtended ? s_leftShift : !isRelease;
                return true;
            case RightShift:
                s_rightShift = isExtended ? s_rightShift : !isRelease;
                return true;
            case Control:
                byte side = isExtended ? (byte)2 : (byte)1;
                s_controls = (byte)(isRelease ? s_controls & ~side : s_controls | side);
                return true;
            case CapsLock:
                // Locks change on the release, which a key that is held down does not repeat.
                s_capsLock ^= isRelease;
                return true;
            case NumLock:
                s_numLockOff ^= isRelease;
                return true;
            default:
                return false;
        }
    }

    private static void Press(byte key, bool isExtended)
    {
        bool isShifted = s_leftShift || s_rightShift;
        if (key >= KeypadFirst && key <= KeypadLast)
        {
            int index = key - KeypadFirst;
            bool isSign = key == KeypadMinus || key == KeypadPlus;
            if (!isExtended && (isSign || s_numLockOff == isShifted))
            {
                ConsoleInput.Put((byte)KeypadDigits[index]);
            }
            else
            {
                Move((byte)KeypadMoves[index]);
            }

            return;
        }

        if (key >= Plain.Length || (isExtended && key != 0x1C && key != 0x35))
        {
            return;
        }

        var plain = (byte)Plain[key];
        bool isLetter = plain >= 'a' && plain <= 'z';
        bool useShifted = isLetter ? isShifted != s_capsLock : isShifted && !isExtended;
        byte character = useShifted ? (byte)Shifted[key] : plain;
        if (character == 0)
        {
            return;
        }

        if (s_controls != 0)
        {
            character = WithControl(character);
        }

        ConsoleInput.Put(character);
    }

    // Control takes @ to _ and a to z to the control characters, as terminals do, and space to 0.
    private static byte WithControl(byte character)
    {
        bool hasControl = character == ' ' || (character >= '@' && character <= '_') ||
            (character >= 'a' && character <= 'z');
        return hasControl ? (byte)(character & 0x1F) : character;
    }

    private static void Move(byte final)
    {
        if (final == 0)
        {
            return;
        }

        ConsoleInput.Put(0x1B);
        ConsoleInput.Put((byte)'[');
        ConsoleInput.Put(final);
        if (final <= '9')
        {
            ConsoleInput.Put((byte)'~');
        }
    }
}
