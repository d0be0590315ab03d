using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>A message that someone holds, or someone's share in a line.</summary>
internal unsafe struct InterruptSlot
{
    /// <summary>What it is; <see cref="InterruptKind.None"/> when nobody holds it.</summary>
    public InterruptKind Kind;

    /// <summary>The processor's vector.</summary>
    public uint Vector;

    /// <summary>The line, for a share.</summary>
    public uint Line;

    /// <summary>For a share: whether its holder said that its device had asked, since the holders were woken.</summary>
    public bool HasClaimed;

    /// <summary>For a share: whether its holder is to look at its device, though no interrupt came.</summary>
    public bool MustLook;

    /// <summary>For a share: whether its holder waited in vain until its time and looks therefore.</summary>
    public bool IsTimedOut;

    /// <summary>For a share of a polled line: how long its holder waits next, in nanoseconds.</summary>
    public ulong PollInterval;

    /// <summary>
    /// How often the slot was given out: a part of the handle, so that an old handle is never taken for a new one.
    /// </summary>
    public uint Generation;

    /// <summary>How often the interrupt came.</summary>
    public ulong Count;

    /// <summary>The thread that waits for it, or null.</summary>
    public Thread* Waiter;

    /// <summary>Who holds it, ended by a zero.</summary>
    public fixed byte Name[InterruptInfo.NameLength];
}

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
