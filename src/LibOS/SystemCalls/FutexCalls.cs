using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>futex: WAIT, WAKE, REQUEUE and their BITSET and CMP forms.</summary>
internal static unsafe class FutexCalls
{
    private const ulong OperationMask = 0x7F;
    private const ulong ClockRealtime = 0x100;

    private const ulong Wait = 0;
    private const ulong Wake = 1;
    private const ulong Requeue = 3;
    private const ulong CompareRequeue = 4;
    private const ulong WaitBits = 9;
    private const ulong WakeBits = 10;

    public static long Futex(PerCpu* cpu, TrapFrame* frame)
    {
        ulong address = frame->Rdi;
        ulong operation = frame->Rsi & OperationMask;
        switch (operation)
        {
            case Wait:
                return WaitFor(cpu, frame, FutexTable.AnyBits, isAbsolute: false);
            case WaitBits:
                return WaitFor(cpu, frame, (uint)frame->R9, isAbsolute: true);
            case Wake:
                return (long)WakeWaiters(cpu, address, (uint)frame->Rdx, FutexTable.AnyBits, isUrgent: false);
            case WakeBits:
                return (long)WakeWaiters(cpu, address, (uint)frame->Rdx, (uint)frame->R9, isUrgent: false);
            case CompareRequeue when *(uint*)address != (uint)frame->R9:
                return -ErrorNumber.TryAgain;
            case Requeue:
            case CompareRequeue:
                ulong woken = WakeWaiters(cpu, address, (uint)frame->Rdx, FutexTable.AnyBits, isUrgent: false);
                return (long)(woken + LibOs.Futexes->Requeue(address, frame->R8, (uint)frame->R10));
            default:
                return -ErrorNumber.NotImplemented;
        }
    }

    /// <summary>Wakes up to <paramref name="limit"/> threads that wait for a word.</summary>
    /// <returns>How many there were.</returns>
    public static ulong WakeWaiters(PerCpu* cpu, ulong address, uint limit, uint bits, bool isUrgent)
    {
        ulong woken = 0;
        while (woken < limit)
        {
            Thread* thread = LibOs.Futexes->TakeWaiter(address, bits);
            if (thread == null)
            {
                break;
            }

            thread->Registers.Rax = 0;
            Scheduler.Wake(cpu, thread, isUrgent);
            woken++;
        }

        return woken;
    }

    /// <summary>libos_wait: the same without a word of what the caller's vector registers hold, for less.</summary>
    /// <param name="cpu">This processor.</param>
    /// <param name="word">What to wait at.</param>
    /// <param name="value">What it holds as long as there is something to wait for.</param>
    /// <param name="nanoseconds">For how long; <see cref="Clock.Never"/> for ever.</param>
    public static long WaitAt(PerCpu* cpu, uint* word, uint value, ulong nanoseconds)
    {
        if (*word != value)
        {
            return -ErrorNumber.TryAgain;
        }

        Thread* thread = cpu->CurrentThread;
        if (nanoseconds != Clock.Never)
        {
            thread->Deadline = TimeCalls.After(nanoseconds);
            LibOs.Sleepers->Add(thread);
        }

        LibOs.Futexes->Add(thread, (ulong)word, FutexTable.AnyBits);
        Scheduler.Block(cpu, ThreadState.WaitingForFutex);
        return CallResult.Switched;
    }

    private static long WaitFor(PerCpu* cpu, TrapFrame* frame, uint bits, bool isAbsolute)
    {
        ulong address = frame->Rdi;
        if (bits == 0)
        {
            return -ErrorNumber.InvalidArgument;
        }

        // Interrupts are off and there is one processor, so no wake can come between this look and the wait.
        if (*(uint*)address != (uint)frame->Rdx)
        {
            return -ErrorNumber.TryAgain;
        }

        Thread* thread = cpu->CurrentThread;
        var time = (TimeSpec*)frame->R10;
        if (time != null)
        {
            if (!time->IsValid)
            {
                return -ErrorNumber.InvalidArgument;
            }

            thread->Deadline = TimeCalls.Deadline(time, isAbsolute, (frame->Rsi & ClockRealtime) != 0);
            LibOs.Sleepers->Add(thread);
        }

        LibOs.Futexes->Add(thread, address, bits);
        Scheduler.Block(cpu, ThreadState.WaitingForFutex);
        return CallResult.Switched;
    }
}
