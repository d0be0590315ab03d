namespace VirtioGuest.LibOS.Abi;

/// <summary>An interrupt that someone holds; filled in by <c>libos_interrupt_info</c>.</summary>
public unsafe struct InterruptInfo
{
    /// <summary>Room for a name, its terminating zero included.</summary>
    public const int NameLength = 32;

    /// <summary>What it is; <see cref="InterruptKind.None"/> marks an unused slot.</summary>
    public InterruptKind Kind;

    /// <summary>The processor's vector.</summary>
    public uint Vector;

    /// <summary>The line, for <see cref="InterruptKind.Line"/>.</summary>
    public uint Line;

    /// <summary>1 where the line was masked because nobody claimed its interrupts.</summary>
    public uint IsAbandoned;

    /// <summary>1 for a line whose interrupts do not come, so that its devices are polled.</summary>
    public uint IsPolled;

    /// <summary>How often it came.</summary>
    public ulong Count;

    /// <summary>Who holds it: UTF-8, ended by a zero.</summary>
    public fixed byte Name[NameLength];
}

/// <summary>How an interrupt reaches the processor.</summary>
public enum InterruptKind : uint
{
    /// <summary>No interrupt.</summary>
    None = 0,

    /// <summary>A message (MSI or MSI-X).</summary>
    Message = 1,

    /// <summary>A line of an interrupt controller.</summary>
    Line = 2,
}

/// <summary>A message set aside by <c>libos_message_allocate</c>.</summary>
public unsafe struct MessageGrant
{
    /// <summary>Where the device writes.</summary>
    public ulong Address;

    /// <summary>What the device writes.</summary>
    public uint Data;

    /// <summary>The number by which <c>libos_interrupt_wait</c> and the others know it.</summary>
    public uint Handle;

    /// <summary>How a thread waits for it in the driver thread's place.</summary>
    public MessageClaim* Claim;
}

/// <summary>
/// What the holder of a message and LibOS share, so that a thread which has asked a device for something can wait for
/// the interrupt itself, and the driver thread sleeps on.
/// </summary>
/// <remarks>
/// <para>The claimant, in this order, without a system call where none is named:</para>
/// <list type="number">
/// <item>
/// It reads <see cref="Arrivals"/>, then turns <see cref="Owner"/> from free to claimed in one step. In this order, a
/// message that is given back in between cannot be claimed, and one given back later has counted up.
/// </item>
/// <item>It hands its request to the device and notifies it.</item>
/// <item>
/// Unless the number has changed, it waits for that (<c>libos_wait</c>, which looks at the number once more, in one
/// piece with beginning to wait). It remembers the new number, and only then takes what the device has finished.
/// </item>
/// <item>
/// It turns <see cref="Owner"/> from claimed to free in one step, which is a full barrier, and then reads
/// <see cref="Arrivals"/>. If that is not the number that it remembers, an interrupt came for which nobody has looked:
/// it looks once more, or has the driver thread do so (<c>libos_interrupt_hand_over</c>).
/// </item>
/// </list>
/// <para>
/// LibOS, when the interrupt comes: it counts, in <see cref="Arrivals"/> too, and then reads <see cref="Owner"/>. Free:
/// it wakes the driver thread. Claimed: it wakes the claimant, if that waits.
/// </para>
/// <para>
/// Nothing is lost. An interrupt that finds the message claimed was counted before the claim ended, so the claimant's
/// last look at the number sees it; one that finds it free wakes the driver thread. An interrupt counted between the
/// claimant's look and its wait keeps it from waiting. An interrupt that had come before the claim has the driver
/// thread on its way, which looks as ever: two threads may look, and what is in the queue is found by one of them,
/// under the queue's lock. Interrupts that come together, or without a reason, only make a look that finds nothing.
/// </para>
/// <para>
/// A thread that looks holds interrupts back meanwhile, so what it finds may never be interrupted for. If that is the
/// claimant's, the thread counts <see cref="Arrivals"/> up itself and wakes the claimant (<c>libos_wake</c>).
/// </para>
/// <para>
/// When the message is given back, <see cref="Owner"/> changes to what no claim of its former holder begins or ends
/// with, and the number is counted up, which wakes the claimant.
/// </para>
/// </remarks>
public struct MessageClaim
{
    /// <summary>
    /// Twice the handle, and one more while the message is claimed; 0 while nobody holds the message. The holder writes
    /// it by compare and exchange only.
    /// </summary>
    public ulong Owner;

    /// <summary>Counts up with each interrupt and when the message is given back, and is never set back.</summary>
    public uint Arrivals;

    /// <summary>The owner while nobody has a claim.</summary>
    public static ulong Free(ulong handle) => handle << 1;

    /// <summary>The owner while a thread has a claim.</summary>
    public static ulong Claimed(ulong handle) => (handle << 1) | 1;

    /// <summary>Whether the message is claimed.</summary>
    public readonly bool IsClaimed => (Owner & 1) != 0;
}
