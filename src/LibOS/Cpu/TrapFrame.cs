namespace VirtioGuest.LibOS.Cpu;

/// <summary>
/// The registers of interrupted code, in the order in which <c>Traps.S</c> and the processor push them.
/// </summary>
internal struct TrapFrame
{
    /// <summary>The vector of a system call: not a vector of the processor.</summary>
    public const ulong SystemCall = 0x100;

    public ulong R15;
    public ulong R14;
    public ulong R13;
    public ulong R12;
    public ulong R11;
    public ulong R10;
    public ulong R9;
    public ulong R8;
    public ulong Rbp;
    public ulong Rdi;
    public ulong Rsi;
    public ulong Rdx;
    public ulong Rcx;
    public ulong Rbx;
    public ulong Rax;

    /// <summary>Which trap it is, or <see cref="SystemCall"/>.</summary>
    public ulong Vector;

    /// <summary>The processor's error code; 0 for traps that have none.</summary>
    public ulong ErrorCode;

    public ulong Rip;
    public ulong CodeSegment;
    public ulong Flags;
    public ulong Rsp;
    public ulong StackSegment;
}
