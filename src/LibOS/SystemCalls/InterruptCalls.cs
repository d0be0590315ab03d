using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>Interrupts for driver threads.</summary>
internal static unsafe class InterruptCalls
{
    public static long AllocateMessage(byte* name, MessageGrant* grant)
    {
        if (!LibOs.Apic->IsReachable)
        {
            return -ErrorNumber.NoDevice;
        }

        long handle = LibOs.Interrupts->AllocateMessage(name);
        if (handle < 0)
        {
            return handle;
        }

        grant->Address = LibOs.Apic->MessageAddress;
        grant->Data = LibOs.Interrupts->Find((ulong)handle)->Vector;
        grant->Handle = (uint)handle;
        grant->Claim = &LibOs.Interrupts->Find((ulong)handle)->Claim;
        return 0;
    }

    public static long AttachLine(ulong line, byte* name, bool isPci)
    {
        if (line >= InterruptTable.LineCapacity)
        {
            return -ErrorNumber.NoDevice;
        }

        bool canInterrupt = LibOs.Lines->CanInterrupt((uint)line);
        if (canInterrupt && LibOs.Interrupts->Line((uint)line)->Shares == 0)
        {
            LibOs.Lines->Connect((uint)line, isPci);
        }

        return LibOs.Interrupts->AttachLine(line, name, canInterrupt);
    }

    public static long Wait(PerCpu* cpu, TrapFrame* frame)
    {
        ulong handle = frame->Rdi;
        long result = LibOs.Interrupts->Wait(
            handle, frame->Rsi, frame->Rdx != 0, cpu->CurrentThread, out LineAction action);
        if (action != LineAction.None)
        {
            InterruptDispatch.Apply(cpu, action, LibOs.Interrupts->Find(handle)->Line);
        }

        if (result != 0)
        {
            return result;
        }

        ulong longest = LibOs.Interrupts->LongestWait(handle);
        if (longest != ulong.MaxValue)
        {
            cpu->CurrentThread->Deadline = Clock.Now + longest;
            LibOs.Sleepers->Add(cpu->CurrentThread);
        }

        Scheduler.Block(cpu, ThreadState.WaitingForInterrupt);
        return CallResult.Switched;
    }

    /// <summary>Has the driver thread of a message look at its device.</summary>
    public static long HandOver(PerCpu* cpu, ulong handle)
    {
        Thread* waiter = LibOs.Interrupts->HandOver(handle);
        if (waiter != null)
        {
            Scheduler.Wake(cpu, waiter, isUrgent: true);
        }

        return 0;
    }

    /// <summary>Gives an interrupt back; a thread that waits for it is woken with an error.</summary>
    public static long Release(PerCpu* cpu, ulong handle)
    {
        InterruptSlot* slot = LibOs.Interrupts->Find(handle);
        if (!LibOs.Interrupts->Release(handle, out Thread* waiter, out LineAction action))
        {
            return -ErrorNumber.InvalidArgument;
        }

        InterruptDispatch.Apply(cpu, action, slot->Line);
        if (waiter != null)
        {
            waiter->Registers.Rax = unchecked((ulong)-ErrorNumber.Cancelled);
            Scheduler.Wake(cpu, waiter, isUrgent: false);
        }

        FutexCalls.WakeWaiters(cpu, (ulong)&slot->Claim.Arrivals, 1, FutexTable.AnyBits, isUrgent: false);
        return 0;
    }

    public static long Describe(ulong index, InterruptInfo* info)
    {
        if (index >= InterruptTable.Capacity)
        {
            return -ErrorNumber.NoEntry;
        }

        InterruptSlot* slot = (*LibOs.Interrupts)[(int)index];
        Processor.Fill(info, 0, (ulong)sizeof(InterruptInfo));
        info->Kind = slot->Kind;
        info->Vector = slot->Vector;
        info->Line = slot->Line;
        info->Count = slot->Count;
        if (slot->Kind == InterruptKind.Line)
        {
            LineState* line = LibOs.Interrupts->Line(slot->Line);
            info->IsAbandoned = line->IsAbandoned ? 1u : 0;
            info->IsPolled = line->IsPolled ? 1u : 0;
        }

        Processor.Copy(info->Name, slot->Name, InterruptInfo.NameLength);
        return 0;
    }
}
