using System;
using System.Text.Json.Nodes;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>Characters as keys of a US keyboard, in QEMU's names (its QKeyCode).</summary>
public static class Keyboard
{
    private const string Plain = " -=[]\\;'`,./\n\t\b";
    private const string Shifted = "_+{}|:\"~<>?!@#$%^&*()";

    private static readonly string[] s_plainKeys =
    [
        "spc", "minus", "equal", "bracket_left", "bracket_right", "backslash", "semicolon", "apostrophe",
        "grave_accent", "comma", "dot", "slash", "ret", "tab", "backspace",
    ];

    private static readonly string[] s_shiftedKeys =
    [
        "minus", "equal", "bracket_left", "bracket_right", "backslash", "semicolon", "apostrophe",
        "grave_accent", "comma", "dot", "slash", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0",
    ];

    /// <summary>The keys to press together for a character.</summary>
    /// <exception cref="ArgumentOutOfRangeException">No key has that character.</exception>
    public static JsonArray Keys(char character)
    {
        if (character is (>= 'a' and <= 'z') or (>= '0' and <= '9'))
        {
            return [Key(character.ToString())];
        }

        if (character is >= 'A' and <= 'Z')
        {
            return [Key("shift"), Key(char.ToLowerInvariant(character).ToString())];
        }

        int plain = Plain.IndexOf(character, StringComparison.Ordinal);
        if (plain >= 0)
        {
            return [Key(s_plainKeys[plain])];
        }

        int shifted = Shifted.IndexOf(character, StringComparison.Ordinal);
        return shifted >= 0
            ? [Key("shift"), Key(s_shiftedKeys[shifted])]
            : throw new ArgumentOutOfRangeException(nameof(character), character, "No key has this character.");
    }

    private static JsonObject Key(string name)
    {
        return new JsonObject { ["type"] = "qcode", ["data"] = name };
    }
}
