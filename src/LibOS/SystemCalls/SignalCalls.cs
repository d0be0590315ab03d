using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Signals;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>Signals: handlers, masks, sending.</summary>
internal static unsafe class SignalCalls
{
    private const ulong BlockSignals = 0;
    private const ulong UnblockSignals = 1;
    private const ulong SetMask = 2;

    /// <summary>rt_sigaction.</summary>
    public static long Action(ulong signal, SignalAction* wanted, SignalAction* previous)
    {
        if (signal is 0 or > SignalNumber.Last)
        {
            return -ErrorNumber.InvalidArgument;
        }

        SignalAction* action = LibOs.Signals->Of((int)signal);
        if (previous != null)
        {
            *previous = *action;
        }

        if (wanted != null)
        {
            *action = *wanted;
        }

        return 0;
    }

    /// <summary>rt_sigprocmask.</summary>
    public static long Mask(PerCpu* cpu, ulong how, ulong* wanted, ulong* previous)
    {
        Thread* thread = cpu->CurrentThread;
        ulong old = thread->SignalMask;
        if (wanted != null)
        {
            switch (how)
            {
                case BlockSignals:
                    thread->SignalMask |= *wanted;
                    break;
                case UnblockSignals:
                    thread->SignalMask &= ~*wanted;
                    break;
                case SetMask:
                    thread->SignalMask = *wanted;
                    break;
                default:
                    return -ErrorNumber.InvalidArgument;
            }

            thread->SignalMask &= ~(SignalNumber.Bit(SignalNumber.Kill) | SignalNumber.Bit(SignalNumber.Stop));
        }

        if (previous != null)
        {
            *previous = old;
        }

        return 0;
    }

    /// <summary>tkill and tgkill.</summary>
    public static long Send(ulong threadId, ulong signal)
    {
        Thread* thread = LibOs.Threads->Find((uint)threadId);
        return thread == null ? -ErrorNumber.NoSuchProcess : SignalDelivery.Send(thread, signal);
    }
}
