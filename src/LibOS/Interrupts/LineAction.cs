namespace VirtioGuest.LibOS.Interrupts;

/// <summary>What is to be done with a line after one of its holders came back.</summary>
internal enum LineAction
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Unmask it.</summary>
    Unmask,

    /// <summary>Leave it masked and say so: nobody claims its interrupts.</summary>
    Abandon,
}
