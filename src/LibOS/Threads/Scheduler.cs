using System;
using System.Runtime.CompilerServices;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Signals;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Threads;

/// <summary>
/// Decides which thread runs. While LibOS runs, the registers of every thread are in its
/// <see cref="Thread.Registers"/>: to switch threads is to leave with those of another.
/// </summary>
internal static unsafe class Scheduler
{
    /// <summary>
    /// How long a thread runs while others are ready, in nanoseconds of processor time: blocking or being preempted
    /// meanwhile does not begin a new slice.
    /// </summary>
    /// <remarks>
    /// With a whole slice after each wait, a thread that always waits before the end of its slice would run for ever:
    /// the first to go on after each collection, or one that interrupts wake faster than it can do what they ask for.
    /// </remarks>
    public const ulong TimeSlice = 5_000_000;

    /// <summary>The same in timestamp ticks.</summary>
    public static ulong SliceTicks => Clock.Kilohertz * (TimeSlice / 1_000_000);

    /// <summary>Lets the current thread wait.</summary>
    /// <param name="cpu">This processor.</param>
    /// <param name="state">What it waits for.</param>
    public static void Block(PerCpu* cpu, ThreadState state)
    {
        Thread* thread = cpu->CurrentThread;
        thread->State = state;
        thread->IsUrgent = false;
        ulong now = Processor.ReadTimestamp();
        thread->SliceLeft = SliceLeft(cpu, now);
        Switch(cpu, now);
    }

    /// <summary>Lets all other ready threads run first.</summary>
    public static void Yield(PerCpu* cpu)
    {
        if (!cpu->Ready.IsEmpty)
        {
            Rotate(cpu, Processor.ReadTimestamp());
        }
    }

    /// <summary>Ends the current thread; its slot is free afterwards.</summary>
    public static void Exit(PerCpu* cpu)
    {
        Thread* thread = cpu->CurrentThread;
        Switch(cpu, Processor.ReadTimestamp());
        LibOs.Threads->Destroy(thread, LibOs.Frames);
    }

    /// <summary>
    /// Makes a waiting thread ready; the caller has taken it out of what it waited in, sleepers excepted.
    /// </summary>
    /// <param name="cpu">Where it will run.</param>
    /// <param name="thread">The thread; its registers hold what its system call returns.</param>
    /// <param name="isUrgent">Whether an interrupt woke it: then it runs next.</param>
    public static void Wake(PerCpu* cpu, Thread* thread, bool isUrgent)
    {
        LibOs.Sleepers->Remove(thread);
        thread->State = ThreadState.Ready;
        thread->IsUrgent = isUrgent;
        if (isUrgent)
        {
            thread->InterruptWakes++;
            cpu->Ready.AddUrgent(thread);
        }
        else
        {
            cpu->Ready.AddLast(thread);
        }
    }

    /// <summary>Wakes every thread whose time has come.</summary>
    public static void WakeSleepers(PerCpu* cpu)
    {
        ulong now = Clock.Now;
        for (Thread* thread = LibOs.Sleepers->TakeDue(now); thread != null; thread = LibOs.Sleepers->TakeDue(now))
        {
            if (thread->State == ThreadState.WaitingForFutex)
            {
                LibOs.Futexes->Remove(thread);
                thread->Registers.Rax = unchecked((ulong)-ErrorNumber.TimedOut);
            }
            else if (thread->State == ThreadState.WaitingForInterrupt)
            {
                LibOs.Interrupts->OnTimeout(thread);
            }

            Wake(cpu, thread, isUrgent: true);
        }
    }

    /// <summary>
    /// The last thing before LibOS is left for the program: preempts where due, arms the timer, delivers signals.
    /// </summary>
    public static void Leave(PerCpu* cpu)
    {
        if (LibOs.Timer == TimerKind.None)
        {
            LookAtClock(cpu);
        }

        if (!cpu->Ready.IsEmpty)
        {
            Preempt(cpu);
        }

        ArmTimer(cpu);
        Thread* thread = cpu->CurrentThread;
        if ((thread->PendingSignals & ~thread->SignalMask) != 0)
        {
            SignalDelivery.DeliverPending(thread, &thread->Registers);
        }
    }

    // Apart, so that it costs nothing where a timer interrupts.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void LookAtClock(PerCpu* cpu)
    {
        if (Clock.Now >= NextDeadline)
        {
            InterruptDispatch.OnTimer(cpu);
        }
    }

    /// <summary>Gives the processor to a thread: it is the one that LibOS is left for.</summary>
    public static void Run(PerCpu* cpu, Thread* thread)
    {
        thread->State = ThreadState.Running;
        cpu->CurrentThread = thread;
        cpu->ThreadExtended = thread->Extended;
        cpu->FrameEnd = (ulong)(&thread->Registers + 1);
        *cpu->TaskInterruptStack = cpu->FrameEnd;
        cpu->IsIdle = thread == cpu->IdleThread ? 1u : 0;
        if (cpu->IsIdle == 0)
        {
            LoadThreadPointer(cpu, thread->ThreadPointer);
        }
    }

    /// <summary>Loads the base of the current thread's local storage, unless it is there already.</summary>
    public static void LoadThreadPointer(PerCpu* cpu, ulong address)
    {
        if (cpu->ThreadPointer != address)
        {
            cpu->ThreadPointer = address;
            Processor.WriteMsr(Msr.FsBase, address);
        }
    }

    private static void Preempt(PerCpu* cpu)
    {
        Thread* current = cpu->CurrentThread;
        ulong now = Processor.ReadTimestamp();
        if (current == cpu->IdleThread)
        {
            Switch(cpu, now);
        }
        else if (now >= cpu->SliceEnd)
        {
            Rotate(cpu, now);
        }
        else if (cpu->Ready.HasUrgent && !current->IsUrgent)
        {
            current->SliceLeft = SliceLeft(cpu, now);
            current->State = ThreadState.Ready;
            cpu->Ready.AddPreempted(current);
            Switch(cpu, now);
        }
    }

    private static void Rotate(PerCpu* cpu, ulong now)
    {
        Thread* current = cpu->CurrentThread;
        current->State = ThreadState.Ready;
        current->IsUrgent = false;
        current->SliceLeft = SliceTicks;
        cpu->Ready.AddLast(current);
        Switch(cpu, now);
    }

    // Never 0, so that a thread which blocks at the very end of its slice has used it up as any other has. What it ran
    // beyond the end while nobody else was ready took nothing from anyone.
    private static ulong SliceLeft(PerCpu* cpu, ulong now)
    {
        if (now < cpu->SliceEnd)
        {
            return cpu->SliceEnd - now;
        }

        return cpu->Ready.IsEmpty ? SliceTicks : 1;
    }

    // now: in timestamp ticks.
    private static void Switch(PerCpu* cpu, ulong now)
    {
        Thread* previous = cpu->CurrentThread;
        Thread* next = cpu->Ready.TakeNext();
        if (next == null)
        {
            next = cpu->IdleThread;
        }

        previous->RunTicks += now - cpu->SwitchedAt;
        cpu->SwitchedAt = now;
        cpu->SliceEnd = now + (next->SliceLeft != 0 ? next->SliceLeft : SliceTicks);
        if (next != previous)
        {
            next->Switches++;
            cpu->Switches++;
        }

        Run(cpu, next);
    }

    // The next sleeper, and the next looks at input that does not interrupt and at output that waits for the serial
    // port.
    private static ulong NextDeadline =>
        Math.Min(LibOs.Sleepers->NextDeadline, Math.Min(InputPolling.NextLook, SerialOutput.NextLook));

    // The timer is also needed for the end of a time slice while another thread is ready. It is left alone when it
    // fires earlier than that.
    private static void ArmTimer(PerCpu* cpu)
    {
        ulong deadline = NextDeadline;
        if (!cpu->Ready.IsEmpty)
        {
            deadline = Math.Min(deadline, Clock.TimeOf(cpu->SliceEnd));
        }

        if (deadline >= cpu->TimerDeadline)
        {
            return;
        }

        cpu->TimerDeadline = deadline;
        ulong now = Clock.Now;
        ulong delay = deadline > now ? deadline - now : 0;
        if (LibOs.Timer == TimerKind.LocalApic)
        {
            LibOs.Apic->ArmTimer(delay);
        }
        else if (LibOs.Timer == TimerKind.Interval)
        {
            IntervalTimer8254.Arm(delay);
        }
    }
}
