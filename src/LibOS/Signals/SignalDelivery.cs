using System.Runtime.InteropServices;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.Signals;

/// <summary>
/// Runs the program's signal handlers: .NET turns SIGSEGV and SIGFPE into exceptions, and stops threads for the garbage
/// collector by a real-time signal.
/// </summary>
/// <remarks>
/// A signal for a waiting thread is delivered when the thread next runs; it does not end the wait. .NET needs no more:
/// it only signals threads that run managed code.
/// </remarks>
internal static unsafe class SignalDelivery
{
    /// <summary>The number of the only process: what getpid returns and signals carry.</summary>
    public const uint ProcessId = 1;

    private const ulong RedZone = 128;
    private const ulong ExtendedAlignment = 64;

    // What a handler may change of the flags: those of arithmetic, trap, direction, alignment check (as on Linux).
    private const ulong HandlerFlags = 0x4_0DD5;

    private const int SentByThread = -6;
    private const int FaultCode = 1;

    /// <summary>Marks a signal as pending for a thread.</summary>
    /// <returns>0 or a negated error number.</returns>
    public static long Send(Thread* thread, ulong signal)
    {
        if (signal > SignalNumber.Last)
        {
            return -ErrorNumber.InvalidArgument;
        }

        if (signal != 0)
        {
            thread->PendingSignals |= SignalNumber.Bit((int)signal);
        }

        return 0;
    }

    /// <summary>Starts the handler of the lowest pending signal that is not masked.</summary>
    public static void DeliverPending(Thread* thread, TrapFrame* frame)
    {
        ulong deliverable = thread->PendingSignals & ~thread->SignalMask;
        for (int signal = 1; signal <= SignalNumber.Last; signal++)
        {
            ulong bit = SignalNumber.Bit(signal);
            if ((deliverable & bit) == 0)
            {
                continue;
            }

            thread->PendingSignals &= ~bit;
            SignalAction* action = LibOs.Signals->Of(signal);
            if (action->Handler == SignalAction.Default && !SignalNumber.IsIgnoredByDefault(signal))
            {
                EndProgram(signal, frame);
            }
            else if (action->Handler > SignalAction.Ignore)
            {
                Push(thread, frame, signal, SentByThread, ProcessId, 0);
                return;
            }
        }
    }

    /// <summary>Lets the program handle a trap of its own, or ends it.</summary>
    /// <param name="frame">The trap.</param>
    /// <param name="signal">Which signal it is.</param>
    /// <param name="address">What it is about: the address of a fault, or of the instruction.</param>
    public static void RaiseFault(TrapFrame* frame, int signal, ulong address)
    {
        Thread* thread = Processor.Current()->CurrentThread;
        SignalAction* action = LibOs.Signals->Of(signal);
        if (action->Handler <= SignalAction.Ignore || (thread->SignalMask & SignalNumber.Bit(signal)) != 0)
        {
            Panic.Fail(NameOf(frame->Vector), "address ", address, frame);
        }

        Push(thread, frame, signal, FaultCode, address, address);
    }

    /// <summary>Continues what a handler interrupted (rt_sigreturn).</summary>
    public static void Return(TrapFrame* frame)
    {
        Thread* thread = Processor.Current()->CurrentThread;
        var saved = (SignalFrame*)(frame->Rsp - 8);
        MachineContext* machine = &saved->Machine;
        frame->R8 = machine->R8;
        frame->R9 = machine->R9;
        frame->R10 = machine->R10;
        frame->R11 = machine->R11;
        frame->R12 = machine->R12;
        frame->R13 = machine->R13;
        frame->R14 = machine->R14;
        frame->R15 = machine->R15;
        frame->Rdi = machine->Rdi;
        frame->Rsi = machine->Rsi;
        frame->Rbp = machine->Rbp;
        frame->Rbx = machine->Rbx;
        frame->Rdx = machine->Rdx;
        frame->Rax = machine->Rax;
        frame->Rcx = machine->Rcx;
        frame->Rsp = machine->Rsp;
        frame->Rip = machine->Rip;
        frame->Flags = (machine->Flags & HandlerFlags) | (frame->Flags & ~HandlerFlags);
        thread->SignalMask = saved->Mask;
        ExtendedState.Load(thread->Extended, (byte*)machine->ExtendedState, LibOs.Features);
    }

    private static void Push(Thread* thread, TrapFrame* frame, int signal, int code, ulong detail, ulong faultAddress)
    {
        SignalAction* action = LibOs.Signals->Of(signal);
        ulong length = LibOs.Features->ExtendedLength;
        ulong extended = (frame->Rsp - RedZone - length) & ~(ExtendedAlignment - 1);

        // At the handler's first instruction the stack is as after a call: 8 below a multiple of 16.
        ulong stack = ((extended - (ulong)sizeof(SignalFrame)) & ~15ul) - 8;
        if (LibOs.Program->Populate(stack, frame->Rsp - stack) != 0)
        {
            Panic.Fail("stack overflow", "address ", faultAddress, frame);
        }

        ExtendedState.Settle(Processor.Current());
        Processor.Fill((void*)stack, 0, (ulong)sizeof(SignalFrame));
        Processor.Copy((void*)extended, thread->Extended, length);
        ExtendedState.Initialize(thread->Extended);
        var saved = (SignalFrame*)stack;
        saved->ReturnAddress = action->Restorer;
        saved->Mask = thread->SignalMask;
        saved->Signal = signal;
        saved->Code = code;
        saved->Detail = detail;
        Save(&saved->Machine, frame);
        saved->Machine.FaultAddress = faultAddress;
        saved->Machine.ExtendedState = extended;
        saved->Machine.OldMask = thread->SignalMask;

        thread->SignalMask |= action->Mask;
        if ((action->Flags & SignalAction.NoDefer) == 0)
        {
            thread->SignalMask |= SignalNumber.Bit(signal);
        }

        frame->Rsp = stack;
        frame->Rip = action->Handler;
        frame->Rdi = (ulong)signal;
        frame->Rsi = (ulong)&saved->Signal;
        frame->Rdx = (ulong)&saved->ContextFlags;
        frame->Rax = 0;
        frame->Flags &= ~0x400ul;                       // handlers start with the direction flag clear
    }

    private static void Save(MachineContext* machine, TrapFrame* frame)
    {
        machine->R8 = frame->R8;
        machine->R9 = frame->R9;
        machine->R10 = frame->R10;
        machine->R11 = frame->R11;
        machine->R12 = frame->R12;
        machine->R13 = frame->R13;
        machine->R14 = frame->R14;
        machine->R15 = frame->R15;
        machine->Rdi = frame->Rdi;
        machine->Rsi = frame->Rsi;
        machine->Rbp = frame->Rbp;
        machine->Rbx = frame->Rbx;
        machine->Rdx = frame->Rdx;
        machine->Rax = frame->Rax;
        machine->Rcx = frame->Rcx;
        machine->Rsp = frame->Rsp;
        machine->Rip = frame->Rip;
        machine->Flags = frame->Flags;
        machine->CodeSegment = (ushort)frame->CodeSegment;
        machine->StackSegment = (ushort)frame->StackSegment;
        machine->ErrorCode = frame->ErrorCode;
        machine->TrapNumber = frame->Vector;
    }

    private static void EndProgram(int signal, TrapFrame* frame)
    {
        if (signal == SignalNumber.Abort)
        {
            // .NET has said why before it aborts.
            KernelConsole.StartLine();
            KernelConsole.WriteLine("LibOS: the program aborted");
            Power.Fail();
        }

        Panic.Fail("the program was ended by a signal", "signal ", (ulong)signal, frame);
    }

    private static string NameOf(ulong vector) => vector switch
    {
        Vectors.DivideError => "division error",
        Vectors.InvalidOpcode => "undefined instruction",
        Vectors.GeneralProtection => "general protection fault",
        Vectors.PageFault => "page fault",
        _ => "processor exception",
    };
}

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
