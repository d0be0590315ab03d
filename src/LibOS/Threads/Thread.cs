using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Threads;

/// <summary>Whether a thread slot is in use, and what its thread is doing.</summary>
internal enum ThreadState : uint
{
    /// <summary>The slot is free.</summary>
    Free = 0,

    /// <summary>It runs.</summary>
    Running,

    /// <summary>It waits in the run queue.</summary>
    Ready,

    /// <summary>It waits for a futex, perhaps until a time.</summary>
    WaitingForFutex,

    /// <summary>It sleeps until a time.</summary>
    Sleeping,

    /// <summary>It waits for an interrupt.</summary>
    WaitingForInterrupt,

    /// <summary>It waits for console input.</summary>
    WaitingForConsole,

    /// <summary>It waits for a pipe.</summary>
    WaitingForPipe,

    /// <summary>It waits for room in the console's output, or until all of that has left.</summary>
    WaitingForOutput,
}

/// <summary>A thread of the program: its registers while it does not run, and what it waits for.</summary>
internal unsafe struct Thread
{
    /// <summary>The registers, while the thread does not run.</summary>
    public TrapFrame Registers;

    /// <summary>The base of its thread-local storage (FS).</summary>
    public ulong ThreadPointer;

    /// <summary>Where its extended registers are saved: a frame of its own.</summary>
    public byte* Extended;

    /// <summary>What it is doing.</summary>
    public ThreadState State;

    /// <summary>
    /// Whether an interrupt woke it and its time slice is not used up yet: then no other interrupt preempts it.
    /// </summary>
    public bool IsUrgent;

    /// <summary>
    /// What is left of its time slice, in nanoseconds, while it does not run; 0 before it has run for the first time.
    /// </summary>
    public ulong SliceLeft;

    /// <summary>Its number, never 0, never used again soon.</summary>
    public uint Id;

    /// <summary>Signals that it does not want now; bit n is signal n + 1.</summary>
    public ulong SignalMask;

    /// <summary>Signals that wait for it.</summary>
    public ulong PendingSignals;

    /// <summary>Cleared and woken when the thread ends (CLONE_CHILD_CLEARTID).</summary>
    public uint* ClearOnExit;

    /// <summary>The futex that it waits for.</summary>
    public ulong FutexAddress;

    /// <summary>The bits of FUTEX_WAIT_BITSET.</summary>
    public uint FutexBits;

    /// <summary>The next thread in its futex bucket, or in the run queue.</summary>
    public Thread* Next;

    /// <summary>The next thread in the list of sleepers.</summary>
    public Thread* NextSleeper;

    /// <summary>Whether it is in the list of sleepers.</summary>
    public bool HasDeadline;

    /// <summary>When it wakes at the latest, in monotonic nanoseconds.</summary>
    public ulong Deadline;

    /// <summary>The interrupt slot that it waits for.</summary>
    public uint InterruptSlot;

    /// <summary>Where console input that it waits for goes.</summary>
    public byte* ReadBuffer;

    /// <summary>How much console input fits.</summary>
    public ulong ReadLength;

    /// <summary>Processor time used, in timestamp ticks.</summary>
    public ulong RunTicks;

    /// <summary>How often it was given the processor.</summary>
    public ulong Switches;

    /// <summary>How often an interrupt woke it.</summary>
    public ulong InterruptWakes;

    /// <summary>Its name, ended by a zero.</summary>
    public fixed byte Name[ThreadInfo.NameLength];
}
