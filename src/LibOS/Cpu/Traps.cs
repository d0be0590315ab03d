using System.Runtime;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Signals;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>Serves every trap and interrupt; entered from <c>Traps.S</c> with interrupts off.</summary>
internal static unsafe class Traps
{
    private const ulong WriteAccess = 1 << 1;
    private const ulong InstructionFetch = 1 << 4;

    /// <summary>A trap came.</summary>
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
            Scheduler.Leave(cpu, frame);
        }
    }

    /// <summary>A trap came before LibOS had its own table: the start of the machine failed.</summary>
    [RuntimeExport("libos_boot_trap")]
    public static void OnBootTrap(TrapFrame* frame)
    {
        Processor.Current()->KernelDepth++;
        Panic.Begin("processor exception while LibOS starts");
        Panic.Detail("vector ", frame->Vector);
        Panic.Detail("error code ", frame->ErrorCode);
        if (frame->Vector == Vectors.PageFault)
        {
            Panic.Detail("address ", Processor.FaultAddress());
        }

        Panic.WriteRegisters(frame);
        Panic.End();
    }

    private static void OnPageFault(PerCpu* cpu, TrapFrame* frame)
    {
        ulong address = Processor.FaultAddress();
        if (cpu->InPageFault != 0)
        {
            FailFault("page fault inside a page fault", address, frame);
        }

        cpu->InPageFault = 1;
        bool isFetch = (frame->ErrorCode & InstructionFetch) != 0;
        FaultOutcome outcome = isFetch
            ? FaultOutcome.NotAllowed
            : LibOs.Program->Fault(address, (frame->ErrorCode & WriteAccess) != 0);
        if (outcome == FaultOutcome.OutOfMemory)
        {
            FailFault("out of memory: no frame is left", address, frame);
        }

        if (outcome == FaultOutcome.Resolved)
        {
            cpu->PageFaults++;
        }
        else if (cpu->KernelDepth > 1)
        {
            FailFault(
                KernelStacks.IsStackAddress(address) ? "stack overflow in LibOS" : "page fault in LibOS",
                address,
                frame);
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
            Panic.Begin("processor exception in LibOS");
            Panic.Detail("vector ", frame->Vector);
            Panic.Detail("error code ", frame->ErrorCode);
            Panic.WriteRegisters(frame);
            Panic.End();
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
                FailUnknown(frame);
                break;
        }
    }

    private static void OnInterrupt(PerCpu* cpu, TrapFrame* frame)
    {
        ulong vector = frame->Vector;
        if (vector < Vectors.FirstLine + Vectors.LineCount)
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
        else if (vector is >= Vectors.FirstMessage and < Vectors.FirstMessage + Vectors.MessageCount)
        {
            InterruptDispatch.OnMessage(cpu, vector);
        }
        else if (vector != Vectors.Spurious)
        {
            FailUnknown(frame);
        }
    }

    private static void FailUnknown(TrapFrame* frame)
    {
        Panic.Begin("unknown trap");
        Panic.Detail("vector ", frame->Vector);
        Panic.Detail("error code ", frame->ErrorCode);
        Panic.WriteRegisters(frame);
        Panic.End();
    }

    private static void FailFault(string reason, ulong address, TrapFrame* frame)
    {
        Panic.Begin(reason);
        Panic.Detail("address ", address);
        Panic.WriteRegisters(frame);
        Panic.End();
    }
}
