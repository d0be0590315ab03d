using System.Runtime;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Signals;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>What the processor's 256 vectors are used for.</summary>
internal static class Vectors
{
    public const ulong DivideError = 0;
    public const ulong Debug = 1;
    public const ulong NonMaskable = 2;
    public const ulong Breakpoint = 3;
    public const ulong InvalidOpcode = 6;
    public const ulong DoubleFault = 8;
    public const ulong GeneralProtection = 13;
    public const ulong PageFault = 14;
    public const ulong FloatingPoint = 16;
    public const ulong MachineCheck = 18;
    public const ulong SimdFloatingPoint = 19;

    /// <summary>The first vector for lines; the first 16 are the 8259 pair's or its substitute's.</summary>
    public const ulong FirstLine = 0x20;

    /// <summary>How many lines can interrupt: as many as two I/O APICs have.</summary>
    public const ulong LineCount = 48;

    /// <summary>The first vector for messages.</summary>
    public const ulong FirstMessage = 0x50;

    /// <summary>How many vectors there are for messages.</summary>
    public const ulong MessageCount = 0xA0;

    /// <summary>The local APIC's timer.</summary>
    public const ulong Timer = 0xF0;

    /// <summary>A vector that nothing uses, for the test of the report on unknown traps.</summary>
    public const ulong Unused = 0xF8;

    /// <summary>The local APIC's spurious interrupt; its low four bits are set, as old ones require.</summary>
    public const ulong Spurious = 0xFF;
}

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
    public ulong Vector;

    /// <summary>The processor's error code; 0 for traps that have none.</summary>
    public ulong ErrorCode;

    public ulong Rip;
    public ulong CodeSegment;
    public ulong Flags;
    public ulong Rsp;
    public ulong StackSegment;
}

/// <summary>
/// Serves every trap and interrupt: what comes out of the program has its registers in the current thread. Entered
/// from <c>Traps.S</c> with interrupts off.
/// </summary>
internal static unsafe class Traps
{
    private const ulong WriteAccess = 1 << 1;
    private const ulong InstructionFetch = 1 << 4;

    [RuntimeExport("libos_trap")]
    public static void OnTrap(TrapFrame* frame)
    {
        PerCpu* cpu = Processor.Current();
        if (frame->Vector == Vectors.PageFault)
        {
            OnPageFault(cpu, frame);
        }
        else if (frame->Vector < Vectors.FirstLine)
        {
            OnException(cpu, frame);
        }
        else
        {
            cpu->Interrupts++;
            OnInterrupt(cpu, frame);
        }

        if (cpu->KernelDepth == 1)
        {
            Scheduler.Leave(cpu);
        }
    }

    /// <summary>A trap before LibOS has its own interrupt table: the boot has failed.</summary>
    [RuntimeExport("libos_boot_trap")]
    public static void OnBootTrap(TrapFrame* frame)
    {
        Processor.Current()->KernelDepth++;
        FailTrap("processor exception while LibOS starts", frame);
    }

    private static void OnPageFault(PerCpu* cpu, TrapFrame* frame)
    {
        ulong address = Processor.FaultAddress();
        if (cpu->InPageFault != 0)
        {
            Panic.Fail("page fault inside a page fault", "address ", address, frame);
        }

        cpu->InPageFault = 1;
        bool isFetch = (frame->ErrorCode & InstructionFetch) != 0;
        FaultOutcome outcome = isFetch
            ? FaultOutcome.NotAllowed
            : LibOs.Program->Fault(address, (frame->ErrorCode & WriteAccess) != 0);
        if (outcome == FaultOutcome.OutOfMemory)
        {
            Panic.Fail("out of memory: no frame is left", "address ", address, frame);
        }

        if (outcome == FaultOutcome.Resolved)
        {
            cpu->PageFaults++;
        }
        else if (cpu->KernelDepth > 1)
        {
            bool isOverflow = KernelStacks.IsStackAddress(address);
            Panic.Fail(isOverflow ? "stack overflow in LibOS" : "page fault in LibOS", "address ", address, frame);
        }
        else
        {
            SignalDelivery.RaiseFault(frame, SignalNumber.Segmentation, address);
        }

        cpu->InPageFault = 0;
    }

    private static void OnException(PerCpu* cpu, TrapFrame* frame)
    {
        switch (frame->Vector)
        {
            case Vectors.DoubleFault:
                Panic.Fail("double fault", frame);
                return;
            case Vectors.NonMaskable:
                Panic.Fail("non-maskable interrupt", frame);
                return;
            case Vectors.MachineCheck:
                Panic.Fail("machine check", frame);
                return;
        }

        if (cpu->KernelDepth > 1)
        {
            FailTrap("processor exception in LibOS", frame);
        }

        switch (frame->Vector)
        {
            case Vectors.DivideError:
            case Vectors.FloatingPoint:
            case Vectors.SimdFloatingPoint:
                SignalDelivery.RaiseFault(frame, SignalNumber.FloatingPoint, frame->Rip);
                break;
            case Vectors.InvalidOpcode:
                SignalDelivery.RaiseFault(frame, SignalNumber.IllegalInstruction, frame->Rip);
                break;
            case Vectors.Debug:
            case Vectors.Breakpoint:
                SignalDelivery.RaiseFault(frame, SignalNumber.Trap, frame->Rip);
                break;
            case Vectors.GeneralProtection:
                // An address that is not canonical: Linux reports it as a fault at 0.
                SignalDelivery.RaiseFault(frame, SignalNumber.Segmentation, 0);
                break;
            default:
                FailTrap("unknown trap", frame);
                break;
        }
    }

    private static void OnInterrupt(PerCpu* cpu, TrapFrame* frame)
    {
        ulong vector = frame->Vector;
        if (cpu->KernelDepth > 1)
        {
            FailTrap("unknown trap", frame);
        }

        if (vector is >= Vectors.FirstMessage and < Vectors.FirstMessage + Vectors.MessageCount)
        {
            InterruptDispatch.OnMessage(cpu, vector);
        }
        else if (vector < Vectors.FirstLine + Vectors.LineCount)
        {
            InterruptDispatch.OnLine(cpu, (uint)(vector - Vectors.FirstLine));
        }
        else if (vector == Vectors.Timer)
        {
            // The idle thread comes here by itself where no timer interrupts.
            if (LibOs.Timer == TimerKind.LocalApic)
            {
                LibOs.Apic->EndOfInterrupt();
            }

            InterruptDispatch.OnTimer(cpu);
        }
        else if (vector != Vectors.Spurious)
        {
            FailTrap("unknown trap", frame);
        }
    }

    private static void FailTrap(string reason, TrapFrame* frame)
    {
        Panic.Begin(reason);
        Panic.Detail("vector ", frame->Vector);
        Panic.Detail("error code ", frame->ErrorCode);
        if (frame->Vector == Vectors.PageFault)
        {
            Panic.Detail("address ", Processor.FaultAddress());
        }

        Panic.WriteRegisters(frame);
        Panic.End();
    }
}
