namespace VirtioGuest.LibOS.Interrupts;

/// <summary>An interrupt line.</summary>
internal struct LineState
{
    /// <summary>How many shares there are.</summary>
    public uint Shares;

    /// <summary>How often in a row no holder claimed the line's interrupt.</summary>
    public uint Unclaimed;

    /// <summary>
    /// How often a holder found its device asking, though it was woken by no interrupt, since the last.
    /// </summary>
    public uint Missed;

    /// <summary>Whether any controller brings the line's interrupts.</summary>
    public bool CanInterrupt;

    /// <summary>Whether the line has ever interrupted.</summary>
    public bool HasInterrupted;

    /// <summary>Whether its interrupts do not come, so that its devices are polled.</summary>
    public bool IsPolled;

    /// <summary>Whether the line stays masked because nobody claimed it.</summary>
    public bool IsAbandoned;

    /// <summary>Whether the line may interrupt now.</summary>
    public bool IsUnmasked;

    /// <summary>Whether the holders serve an interrupt, and do not only look.</summary>
    public bool IsServing;
}
