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
