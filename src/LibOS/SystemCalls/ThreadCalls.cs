using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>Threads: their start, their end, their names.</summary>
internal static unsafe class ThreadCalls
{
    private const ulong ParentSetThreadId = 0x10_0000;
    private const ulong ChildClearThreadId = 0x20_0000;
    private const ulong SetThreadPointer = 0x1002;
    private const ulong SetNameOption = 15;

    /// <summary>clone, as the C library starts threads: stack, thread pointer, two places for the new number.</summary>
    public static long Clone(PerCpu* cpu, TrapFrame* frame)
    {
        Thread* parent = cpu->CurrentThread;
        Thread* thread = LibOs.Threads->Create(LibOs.Frames);
        if (thread == null)
        {
            return -ErrorNumber.TryAgain;
        }

        ulong flags = frame->Rdi;
        thread->Registers = *frame;
        thread->Registers.Rax = 0;
        thread->Registers.Rsp = frame->Rsi;
        thread->ThreadPointer = frame->R8;
        thread->SignalMask = parent->SignalMask;
        thread->ClearOnExit = (flags & ChildClearThreadId) != 0 ? (uint*)frame->R10 : null;
        Processor.Copy(thread->Extended, parent->Extended, LibOs.Features->ExtendedLength);
        SetName(thread, ".NET");
        if ((flags & ParentSetThreadId) != 0)
        {
            *(uint*)frame->Rdx = thread->Id;
        }

        Scheduler.Wake(cpu, thread, isUrgent: false);
        return thread->Id;
    }

    /// <summary>exit: ends the thread.</summary>
    public static long Exit(PerCpu* cpu)
    {
        Thread* thread = cpu->CurrentThread;
        if (thread->ClearOnExit != null)
        {
            *thread->ClearOnExit = 0;
            FutexCalls.WakeWaiters(cpu, (ulong)thread->ClearOnExit, 1, FutexTable.AnyBits, isUrgent: false);
        }

        Scheduler.Exit(cpu);
        return CallResult.Switched;
    }

    /// <summary>exit_group: ends the program, and with it the machine.</summary>
    public static long ExitProgram(ulong status)
    {
        if ((status & 0xFF) == 0)
        {
            SerialOutput.Flush();
            Power.DebugExit(0x10);
            Power.Off();
        }

        KernelConsole.StartLine();
        KernelConsole.Write("LibOS: the program ended with status ");
        KernelConsole.WriteDecimal(status & 0xFF);
        KernelConsole.WriteLine();
        Power.Fail();
        return 0;
    }

    /// <summary>arch_prctl: only the thread pointer can be set.</summary>
    public static long ArchitectureControl(PerCpu* cpu, ulong code, ulong value)
    {
        if (code != SetThreadPointer)
        {
            return -ErrorNumber.InvalidArgument;
        }

        cpu->CurrentThread->ThreadPointer = value;
        Scheduler.LoadThreadPointer(cpu, value);
        return 0;
    }

    /// <summary>prctl: names the thread; everything else is accepted and does nothing.</summary>
    public static long ProcessControl(PerCpu* cpu, ulong code, byte* name) =>
        code == SetNameOption ? NameThread(cpu, name) : 0;

    /// <summary>Names the current thread; what is too long is cut.</summary>
    public static long NameThread(PerCpu* cpu, byte* name)
    {
        Thread* thread = cpu->CurrentThread;
        int length = 0;
        while (length < ThreadInfo.NameLength - 1 && name[length] != 0)
        {
            thread->Name[length] = name[length];
            length++;
        }

        thread->Name[length] = 0;
        return 0;
    }

    /// <summary>Names a thread that LibOS makes itself.</summary>
    public static void SetName(Thread* thread, string name)
    {
        for (int i = 0; i < name.Length; i++)
        {
            thread->Name[i] = (byte)name[i];
        }
    }

    /// <summary>sched_getaffinity: one processor.</summary>
    public static long GetAffinity(ulong length, byte* mask)
    {
        if (length < sizeof(ulong))
        {
            return -ErrorNumber.InvalidArgument;
        }

        Processor.Fill(mask, 0, length);
        *mask = 1;
        return sizeof(ulong);
    }

    /// <summary>getcpu: processor 0 of node 0.</summary>
    public static long GetCpu(uint* processor, uint* node)
    {
        if (processor != null)
        {
            *processor = 0;
        }

        if (node != null)
        {
            *node = 0;
        }

        return 0;
    }
}
