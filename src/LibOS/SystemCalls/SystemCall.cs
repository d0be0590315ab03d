using System.Runtime;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Signals;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>Where the program enters LibOS: finds the handler of a call by its number.</summary>
internal static unsafe class SystemCall
{
    // A call that nobody serves is worth a line, but not a flood of them.
    private const uint ReportLimit = 16;

    private static uint s_reported;

    /// <summary>
    /// The program executed SYSCALL. Arguments are in RDI, RSI, RDX, R10, R8; the result goes to RAX.
    /// </summary>
    [RuntimeExport("libos_system_call")]
    public static void OnCall(TrapFrame* frame)
    {
        PerCpu* cpu = Processor.Current();
        ulong number = frame->Rax;
        long result = number >= CallNumbers.BootInformation
            ? LibOsCalls.Dispatch(cpu, frame)
            : Dispatch(cpu, frame);
        if (result != CallResult.Switched)
        {
            frame->Rax = (ulong)result;
        }

        Scheduler.Leave(cpu);
    }

    private static long Dispatch(PerCpu* cpu, TrapFrame* frame)
    {
        ulong a = frame->Rdi;
        ulong b = frame->Rsi;
        ulong c = frame->Rdx;
        ulong d = frame->R10;
        switch (frame->Rax)
        {
            case CallNumbers.Futex:
                return FutexCalls.Futex(cpu, frame);
            case CallNumbers.ClockGetTime:
                return TimeCalls.GetTime(a, (TimeSpec*)b);
            case CallNumbers.ClockGetResolution:
                return TimeCalls.GetResolution((TimeSpec*)b);
            case CallNumbers.NanoSleep:
                return TimeCalls.Sleep(cpu, frame, (TimeSpec*)a, isAbsolute: false, clock: TimeCalls.Monotonic);
            case CallNumbers.ClockNanoSleep:
                return TimeCalls.Sleep(cpu, frame, (TimeSpec*)c, isAbsolute: (b & 1) != 0, clock: a);
            case CallNumbers.SchedulerYield:
                frame->Rax = 0;
                Scheduler.Yield(cpu);
                return CallResult.Switched;

            case CallNumbers.MMap:
                return MemoryCalls.Map(a, b, (uint)c, (uint)d, (int)frame->R8);
            case CallNumbers.MProtect:
                return MemoryCalls.Protect(a, b, (uint)c);
            case CallNumbers.MUnmap:
                return LibOs.Program->Unmap(a, b);
            case CallNumbers.MAdvise:
                return MemoryCalls.Advise(a, b, c);
            case CallNumbers.MRemap:
                return MemoryCalls.Remap(a);
            case CallNumbers.Brk:
                return 0;
            case CallNumbers.GetMemoryPolicy:
                return -ErrorNumber.NotImplemented;
            case CallNumbers.MemoryBarrier:
                return MemoryCalls.Barrier(a);

            case CallNumbers.Clone:
                return ThreadCalls.Clone(cpu, frame);
            case CallNumbers.Exit:
                return ThreadCalls.Exit(cpu);
            case CallNumbers.ExitGroup:
                return ThreadCalls.ExitProgram(a);
            case CallNumbers.SetThreadIdAddress:
                cpu->CurrentThread->ClearOnExit = (uint*)a;
                return cpu->CurrentThread->Id;
            case CallNumbers.GetThreadId:
                return cpu->CurrentThread->Id;
            case CallNumbers.GetProcessId:
                return SignalDelivery.ProcessId;
            case CallNumbers.ArchitectureControl:
                return ThreadCalls.ArchitectureControl(cpu, a, b);
            case CallNumbers.ProcessControl:
                return ThreadCalls.ProcessControl(cpu, a, (byte*)b);
            case CallNumbers.SchedulerGetAffinity:
                return ThreadCalls.GetAffinity(b, (byte*)c);
            case CallNumbers.GetCpu:
                return ThreadCalls.GetCpu((uint*)a, (uint*)b);
            case CallNumbers.SetRobustList:
                return 0;

            case CallNumbers.SignalAction:
                return SignalCalls.Action(a, (SignalAction*)b, (SignalAction*)c);
            case CallNumbers.SignalMask:
                return SignalCalls.Mask(cpu, a, (ulong*)b, (ulong*)c);
            case CallNumbers.SignalReturn:
                SignalDelivery.Return(frame);
                return CallResult.Switched;
            case CallNumbers.SignalStack:
                return 0;
            case CallNumbers.ThreadKill:
                return SignalCalls.Send(a, b);
            case CallNumbers.ThreadGroupKill:
                return SignalCalls.Send(b, c);

            case CallNumbers.UName:
                return InformationCalls.Name((byte*)a);
            case CallNumbers.SystemInformation:
                return InformationCalls.System((ulong*)a);
            case CallNumbers.GetLimit:
                return InformationCalls.Limit(a, (ulong*)b);
            case CallNumbers.ProcessLimit:
                return InformationCalls.Limit(b, (ulong*)d);
            case CallNumbers.GetUsage:
                return InformationCalls.Usage((ulong*)b);
            case CallNumbers.GetRandom:
                return InformationCalls.Random((byte*)a, b);
            case CallNumbers.GetUser:
            case CallNumbers.GetGroup:
            case CallNumbers.GetEffectiveUser:
            case CallNumbers.GetEffectiveGroup:
                return 0;
        }

        if (FileCalls.TryDispatch(cpu, frame, out long result))
        {
            return result;
        }

        ReportUnknown(frame->Rax);
        return -ErrorNumber.NotImplemented;
    }

    private static void ReportUnknown(ulong number)
    {
        if (s_reported++ < ReportLimit)
        {
            KernelConsole.StartLine();
            KernelConsole.Write("LibOS: system call ");
            KernelConsole.WriteDecimal(number);
            KernelConsole.WriteLine(" is not served");
        }
    }
}

/// <summary>What a system call's handler returns besides results and negated error numbers.</summary>
internal static class CallResult
{
    /// <summary>
    /// The caller's registers are already as they should be, or another thread runs now: no result is written to RAX.
    /// </summary>
    public const long Switched = long.MinValue;
}
