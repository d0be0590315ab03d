using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>
/// All state that belongs to one processor, reached through GS. There is one such structure so far; code that takes it
/// as an argument needs no change when there are more.
/// </summary>
/// <remarks>The first fields are used by <c>Traps.S</c> at the offsets in <c>Layout.h</c>.</remarks>
internal unsafe struct PerCpu
{
    /// <summary>This structure's own address (GS:0).</summary>
    public PerCpu* Self;

    /// <summary>The top of the stack that system calls run on.</summary>
    public ulong KernelStack;

    /// <summary>The program's stack pointer while a system call is entered.</summary>
    public ulong ProgramStack;

    /// <summary>Where the running thread's extended registers are saved.</summary>
    public byte* ThreadExtended;

    /// <summary>Where LibOS' own extended registers are saved when a trap interrupts it.</summary>
    public byte* NestedExtended;

    /// <summary>0 while the program runs, 1 in LibOS, 2 in a trap out of LibOS.</summary>
    public uint KernelDepth;

    /// <summary>How extended registers are saved.</summary>
    public ExtendedSave SaveKind;

    /// <summary>The end of the running thread's <see cref="Thread.Registers"/>, where they are pushed.</summary>
    public ulong FrameEnd;

    /// <summary>
    /// The area of the thread whose extended registers are in the processor and not in the area, or null.
    /// </summary>
    public byte* LiveExtended;

    /// <summary>The top of the stack that interrupts are served on.</summary>
    public ulong InterruptStack;

    /// <summary>Whether the idle thread is the current one (1) or not (0).</summary>
    public uint IsIdle;

    /// <summary>Where the task state segment has the stack for interrupts: <see cref="FrameEnd"/> again.</summary>
    public ulong* TaskInterruptStack;

    /// <summary>The base of FS that is loaded.</summary>
    public ulong ThreadPointer;

    public Thread* CurrentThread;

    /// <summary>The thread that runs while no other can.</summary>
    public Thread* IdleThread;

    public RunQueue Ready;

    /// <summary>When the running thread was given the processor, in timestamp ticks.</summary>
    public ulong SwitchedAt;

    /// <summary>When the running thread's time slice ends, in timestamp ticks.</summary>
    public ulong SliceEnd;

    /// <summary>
    /// When the armed timer is due, in monotonic nanoseconds; <see cref="Clock.Never"/> when it is not armed.
    /// </summary>
    public ulong TimerDeadline;

    /// <summary>Whether a page fault is being handled: a second one inside it is a bug of LibOS.</summary>
    public uint InPageFault;

    public ulong Switches;
    public ulong Interrupts;

    /// <summary>Page faults that were resolved so far.</summary>
    public ulong PageFaults;
}

/// <summary>Model-specific registers (Intel SDM 4, 2.1).</summary>
internal static class Msr
{
    public const uint ApicBase = 0x1B;
    public const uint Star = 0xC000_0081;
    public const uint LStar = 0xC000_0082;
    public const uint SyscallFlagMask = 0xC000_0084;
    public const uint FsBase = 0xC000_0100;
    public const uint GsBase = 0xC000_0101;
}
