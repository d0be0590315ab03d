using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>A message that someone holds, or someone's share of a line.</summary>
internal unsafe struct InterruptSlot
{
    /// <summary>What it is; <see cref="InterruptKind.None"/> when nobody holds it.</summary>
    public InterruptKind Kind;

    public uint Vector;

    /// <summary>The line, for a share.</summary>
    public uint Line;

    /// <summary>
    /// For a share: whether its holder said that its device had asked, since the holders were last woken.
    /// </summary>
    public bool HasClaimed;

    /// <summary>For a share: whether its holder must look at its device although no interrupt came.</summary>
    public bool MustLook;

    /// <summary>For a share: whether its holder looks because its wait timed out.</summary>
    public bool IsTimedOut;

    /// <summary>For a share of a polled line: how long its holder waits next, in nanoseconds.</summary>
    public ulong PollInterval;

    /// <summary>
    /// How often the slot was given out: a part of the handle, so that an old handle is never taken for a new one.
    /// </summary>
    public uint Generation;

    public ulong Count;

    /// <summary>For a message: what its holder reads and writes too.</summary>
    public MessageClaim Claim;

    /// <summary>The thread that waits for it, or null.</summary>
    public Thread* Waiter;

    /// <summary>Who holds it, ended by a zero.</summary>
    public fixed byte Name[InterruptInfo.NameLength];
}

internal struct LineState
{
    public uint Shares;

    /// <summary>How often in a row no holder claimed the line's interrupt.</summary>
    public uint Unclaimed;

    /// <summary>
    /// How often, since the last interrupt, a holder that no interrupt had woken found its device asking.
    /// </summary>
    public uint Missed;

    /// <summary>Whether any controller brings the line's interrupts.</summary>
    public bool CanInterrupt;

    public bool HasInterrupted;

    /// <summary>Whether its interrupts do not come, so that its devices are polled.</summary>
    public bool IsPolled;

    /// <summary>Whether the line stays masked because nobody claimed it.</summary>
    public bool IsAbandoned;

    /// <summary>Whether the line may interrupt now.</summary>
    public bool IsUnmasked;

    /// <summary>Whether the holders serve an interrupt, rather than only look.</summary>
    public bool IsServing;
}

/// <summary>What is to be done with a line after one of its holders came back, in the order of the bits.</summary>
[System.Flags]
internal enum LineAction
{
    None = 0,
    Unmask = 1 << 0,

    /// <summary>Wake its holders, so that they look at their devices once more.</summary>
    Look = 1 << 1,

    /// <summary>Leave it masked and say so: nobody claims its interrupts.</summary>
    Abandon = 1 << 2,

    /// <summary>Say that its interrupts do not come, so that it is polled.</summary>
    Poll = 1 << 3,
}
