using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.SystemCalls;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>From an interrupt to the thread that waits for it. No driver code runs here.</summary>
internal static unsafe class InterruptDispatch
{
    private const uint TimerLine = 0;

    // SYSCALL is two bytes.
    private const ulong SystemCallLength = 2;

    public static void OnTimer(PerCpu* cpu)
    {
        cpu->TimerDeadline = Clock.Never;
        Scheduler.WakeSleepers(cpu);
        if (SerialOutput.Look())
        {
            WakeToRetry(cpu, ThreadState.WaitingForOutput);
        }

        WakeReaders(cpu, InputPolling.OnTimer(Clock.Now));
    }

    public static void OnMessage(PerCpu* cpu, ulong vector)
    {
        uint* claim = LibOs.Interrupts->OnMessage(vector, out Thread* waiter);
        LibOs.Apic->EndOfInterrupt();
        if (claim != null)
        {
            FutexCalls.WakeWaiters(cpu, (ulong)claim, 1, FutexTable.AnyBits, isUrgent: true);
        }
        else if (waiter != null)
        {
            Scheduler.Wake(cpu, waiter, isUrgent: true);
        }
    }

    public static void OnLine(PerCpu* cpu, uint line)
    {
        if (LibOs.Lines->IsSpurious(line))
        {
            return;
        }

        switch (line)
        {
            case TimerLine:
                LibOs.Lines->Acknowledge(line);
                OnTimer(cpu);
                return;
            case KeyboardController.InterruptLine:
                LibOs.Lines->Acknowledge(line);
                InputPolling.OnKeyboardInterrupt();
                WakeReaders(cpu, ConsoleInput.OnKeyboardInterrupt());
                return;
            case Uart16550.InterruptLine when LibOs.Interrupts->Line(line)->Shares == 0:
                LibOs.Lines->Acknowledge(line);
                InputPolling.OnSerialInterrupt();
                WakeReaders(cpu, ConsoleInput.OnSerialInterrupt());
                return;
        }

        // Masked before it is acknowledged: a level-triggered line would interrupt again at once.
        LibOs.Lines->Mask(line);
        LibOs.Lines->Acknowledge(line);
        if (line == Uart16550.InterruptLine)
        {
            WakeReaders(cpu, ConsoleInput.OnSerialInterrupt());
        }

        LibOs.Interrupts->OnLine(line);
        int position = 0;
        for (Thread* waiter = LibOs.Interrupts->NextOnLine(line, ref position);
            waiter != null;
            waiter = LibOs.Interrupts->NextOnLine(line, ref position))
        {
            Scheduler.Wake(cpu, waiter, isUrgent: true);
        }
    }

    /// <summary>Carries out what the table decided about a line.</summary>
    public static void Apply(PerCpu* cpu, LineAction action, uint line)
    {
        if ((action & LineAction.Unmask) != 0)
        {
            LibOs.Lines->Unmask(line);
        }

        int position = 0;
        for (Thread* waiter = (action & LineAction.Look) != 0
                ? LibOs.Interrupts->NextToLook(line, ref position) : null;
            waiter != null;
            waiter = LibOs.Interrupts->NextToLook(line, ref position))
        {
            Scheduler.Wake(cpu, waiter, isUrgent: true);
        }

        if ((action & LineAction.Abandon) != 0)
        {
            BeginReport(line);
            KernelConsole.Write(" is masked: ");
            KernelConsole.WriteDecimal(InterruptTable.UnclaimedLimit);
            KernelConsole.Write(" interrupts that nobody claimed (");
            WriteHolders(line);
            KernelConsole.WriteLine(")");
        }

        if ((action & LineAction.Poll) != 0)
        {
            BeginReport(line);
            KernelConsole.Write(" does not interrupt: polled (");
            WriteHolders(line);
            KernelConsole.WriteLine(")");
        }
    }

    private static void BeginReport(uint line)
    {
        KernelConsole.StartLine();
        KernelConsole.Write("LibOS: interrupt line ");
        KernelConsole.WriteDecimal(line);
    }

    private static void WriteHolders(uint line)
    {
        bool isFirst = true;
        for (int i = 0; i < InterruptTable.Capacity; i++)
        {
            InterruptSlot* slot = (*LibOs.Interrupts)[i];
            if (slot->Kind != InterruptKind.Line || slot->Line != line)
            {
                continue;
            }

            if (!isFirst)
            {
                KernelConsole.Write(", ");
            }

            isFirst = false;
            Panic.WriteName(slot->Name);
        }
    }

    private static void WakeReaders(PerCpu* cpu, bool hasInput)
    {
        if (hasInput)
        {
            WakeToRetry(cpu, ThreadState.WaitingForConsole);
        }
    }

    // Each thread makes its call again itself, in its own address space and time; its RAX still holds the call's
    // number.
    private static void WakeToRetry(PerCpu* cpu, ThreadState state)
    {
        for (int i = 0; i < ThreadTable.Capacity; i++)
        {
            Thread* thread = (*LibOs.Threads)[i];
            if (thread->State == state)
            {
                thread->Registers.Rip -= SystemCallLength;
                Scheduler.Wake(cpu, thread, isUrgent: true);
            }
        }
    }
}
