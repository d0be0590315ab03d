namespace VirtioGuest.Cosmos.Kernel.Terminal;

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
