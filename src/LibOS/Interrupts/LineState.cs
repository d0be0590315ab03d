namespace VirtioGuest.LibOS.Interrupts;

/// <summary>A line of the 8259 pair.</summary>
internal struct LineState
{
    /// <summary>How many shares there are.</summary>
    public uint Shares;

    /// <summary>How often in a row no holder claimed the line's interrupt.</summary>
    public uint Unclaimed;

    /// <summary>Whether the line stays masked because nobody claimed it.</summary>
    public bool IsAbandoned;

    /// <summary>Whether the line is edge-triggered; means something while there are shares.</summary>
    public bool IsEdge;

    /// <summary>Whether the line may interrupt now.</summary>
    public bool IsUnmasked;
}
