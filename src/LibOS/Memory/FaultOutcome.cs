namespace VirtioGuest.LibOS.Memory;

/// <summary>What came of a page fault.</summary>
internal enum FaultOutcome
{
    /// <summary>The page is there now; the access is tried again.</summary>
    Resolved,

    /// <summary>The program may not do that: a signal.</summary>
    NotAllowed,

    /// <summary>No frame is left.</summary>
    OutOfMemory,
}
