namespace VirtioGuest.Devices.Hostile;

/// <summary>How a register lies.</summary>
public enum LieKind
{
    /// <summary>It always says the same.</summary>
    Constant = 0,

    /// <summary>It says something else each time.</summary>
    Anything = 1,

    /// <summary>Some bits of the truth are wrong.</summary>
    WrongBits = 2,

    /// <summary>It says one more each time.</summary>
    Counting = 3,

    /// <summary>Every other time it tells the truth.</summary>
    EveryOther = 4,
}
