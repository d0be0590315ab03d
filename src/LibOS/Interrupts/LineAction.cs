namespace VirtioGuest.LibOS.Interrupts;

/// <summary>What is to be done with a line after one of its holders came back, in the order of the bits.</summary>
[System.Flags]
internal enum LineAction
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Unmask it.</summary>
    Unmask = 1 << 0,

    /// <summary>Wake its holders, so that they look at their devices once more.</summary>
    Look = 1 << 1,

    /// <summary>Leave it masked and say so: nobody claims its interrupts.</summary>
    Abandon = 1 << 2,

    /// <summary>Say that its interrupts do not come, so that it is polled.</summary>
    Poll = 1 << 3,
}
