using System.Runtime.InteropServices;

namespace VirtioGuest.LibOS.Signals;

/// <summary>
/// What lies on a thread's stack while a signal handler runs, as Linux lays it out on x86-64: return address, ucontext,
/// siginfo.
/// </summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct SignalFrame
{
    public ulong ReturnAddress;

    // struct ucontext
    public ulong ContextFlags;
    public ulong ContextLink;
    public ulong StackPointer;
    public ulong StackFlags;
    public ulong StackLength;
    public MachineContext Machine;
    public ulong Mask;
    public fixed ulong MaskPadding[15];

    // siginfo_t
    public int Signal;
    public int Error;
    public int Code;
    public int CodePadding;

    /// <summary>The fault's address, or the sender's process number.</summary>
    public ulong Detail;
    public fixed ulong InformationPadding[13];
}

/// <summary>Linux' <c>struct sigcontext</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct MachineContext
{
    public ulong R8;
    public ulong R9;
    public ulong R10;
    public ulong R11;
    public ulong R12;
    public ulong R13;
    public ulong R14;
    public ulong R15;
    public ulong Rdi;
    public ulong Rsi;
    public ulong Rbp;
    public ulong Rbx;
    public ulong Rdx;
    public ulong Rax;
    public ulong Rcx;
    public ulong Rsp;
    public ulong Rip;
    public ulong Flags;
    public ushort CodeSegment;
    public ushort Gs;
    public ushort Fs;
    public ushort StackSegment;
    public ulong ErrorCode;
    public ulong TrapNumber;
    public ulong OldMask;
    public ulong FaultAddress;
    public ulong ExtendedState;
    public fixed ulong Reserved[8];
}
