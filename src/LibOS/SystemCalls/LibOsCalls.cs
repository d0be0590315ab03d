using System;
using System.Runtime;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>LibOS' own calls: what drivers and the shell need and Linux has no word for.</summary>
internal static unsafe class LibOsCalls
{
    public static long Dispatch(PerCpu* cpu, TrapFrame* frame)
    {
        ulong a = frame->Rdi;
        ulong b = frame->Rsi;
        ulong c = frame->Rdx;
        switch (frame->Rax)
        {
            case CallNumbers.Wait:
                return FutexCalls.WaitAt(cpu, (uint*)a, (uint)b, c);
            case CallNumbers.Wake:
                return (long)FutexCalls.WakeWaiters(cpu, a, (uint)b, FutexTable.AnyBits, isUrgent: false);
            case CallNumbers.InterruptHandOver:
                return InterruptCalls.HandOver(cpu, a);
            case CallNumbers.InterruptWait:
                return InterruptCalls.Wait(cpu, frame);
            case CallNumbers.MessageAllocate:
                return InterruptCalls.AllocateMessage((byte*)a, (MessageGrant*)b);
            case CallNumbers.LineAttach:
                return InterruptCalls.AttachLine(a, (byte*)b, isPci: c == 0);
            case CallNumbers.InterruptRelease:
                return InterruptCalls.Release(cpu, a);
            case CallNumbers.InterruptInformation:
                return InterruptCalls.Describe(a, (InterruptInfo*)b);

            case CallNumbers.DmaAllocate:
                return AllocateDma(a, b, c, (DmaGrant*)frame->R10);
            case CallNumbers.DmaFree:
                LibOs.Frames->Free(a, b);
                LibOs.DmaBytes -= Frame.RoundUp(b);
                return 0;
            case CallNumbers.DmaQuarantine:
                LibOs.DmaBytes -= Frame.RoundUp(b);
                LibOs.QuarantinedBytes += Frame.RoundUp(b);
                return 0;
            case CallNumbers.MmioMap:
                return MapMmio(a, b);
            case CallNumbers.Populate:
                return LibOs.Program->Populate(a, b);

            case CallNumbers.BootInformation:
                return DescribeBoot((BootInfo*)a);
            case CallNumbers.CommandLine:
                return CopyCommandLine((byte*)a, b);
            case CallNumbers.MemoryInformation:
                return DescribeMemory((MemoryInfo*)a);
            case CallNumbers.MemoryRange:
                return a <= uint.MaxValue && LibOs.Boot->Memory.TryGet((uint)a, (MemoryRange*)b)
                    ? 0
                    : -ErrorNumber.NoEntry;
            case CallNumbers.ConfigurationWindow:
                return a <= int.MaxValue && LibOs.Acpi->Configuration.TryGet((int)a, (ConfigurationWindow*)b)
                    ? 0
                    : -ErrorNumber.NoEntry;
            case CallNumbers.AcpiTable:
                return a <= int.MaxValue && LibOs.Acpi->List.TryGet((int)a, (AcpiTable*)b)
                    ? 0
                    : -ErrorNumber.NoEntry;
            case CallNumbers.ThreadInformation:
                return DescribeThread(cpu, a, (ThreadInfo*)b);
            case CallNumbers.ThreadName:
                return ThreadCalls.NameThread(cpu, (byte*)a);
            case CallNumbers.ConsoleRead:
                return FileCalls.ReadConsole(cpu, frame, (byte*)a, b);

            case CallNumbers.EntropyAdd:
                LibOs.Entropy->Mix((byte*)a, b);
                return 0;

            case CallNumbers.PowerOff:
            case CallNumbers.Reset:
            case CallNumbers.DebugExit:
                return EndMachine(cpu, frame);
            case CallNumbers.Crash:
                return Crash((CrashKind)a);
            default:
                return -ErrorNumber.NotImplemented;
        }
    }

    // What was printed leaves before the machine does.
    private static long EndMachine(PerCpu* cpu, TrapFrame* frame)
    {
        if (!FileCalls.TryDrain(cpu, frame))
        {
            return CallResult.Switched;
        }

        switch (frame->Rax)
        {
            case CallNumbers.PowerOff:
                Power.Off();
                return 0;
            case CallNumbers.Reset:
                Power.Reset();
                return 0;
            default:
                Power.DebugExit((byte)frame->Rdi);
                return 0;
        }
    }

    private static long AllocateDma(ulong length, ulong alignment, ulong highestAddress, DmaGrant* grant)
    {
        if (length == 0 || alignment == 0 || (alignment & (alignment - 1)) != 0)
        {
            return -ErrorNumber.InvalidArgument;
        }

        ulong physical = LibOs.Frames->AllocateContiguous(length, alignment, highestAddress);
        if (physical == FrameAllocator.None)
        {
            return -ErrorNumber.OutOfMemory;
        }

        LibOs.DmaBytes += Frame.RoundUp(length);
        grant->PhysicalAddress = physical;
        grant->VirtualAddress = (ulong)PhysicalMemory.At(physical);
        return 0;
    }

    private static long MapMmio(ulong physical, ulong length) =>
        DeviceMemory.Map(LibOs.Pages, physical, length)
            ? (long)PhysicalMemory.At(physical)
            : -ErrorNumber.InvalidArgument;

    private static long DescribeBoot(BootInfo* info)
    {
        info->Door = LibOs.Boot->Door;
        info->IsUefi = LibOs.Boot->IsUefi ? 1u : 0;
        info->HasAcpiShutdown = LibOs.Acpi->HasSoftOff ? 1u : 0;
        info->HasMessages = LibOs.Apic->IsReachable ? 1u : 0;
        info->HasHardwareEntropy = LibOs.Entropy->IsFromHardware ? 1u : 0;
        info->TimestampKilohertz = Clock.Kilohertz;
        info->Missing = LibOs.Missing;
        info->FirstWriteNanoseconds = LibOs.FirstWrite;
        return 0;
    }

    private static long CopyCommandLine(byte* buffer, ulong length)
    {
        BootInformation* boot = LibOs.Boot;
        var whole = (ulong)boot->CommandLineLength;
        Processor.Copy(buffer, boot->CommandLine, Math.Min(length, whole));
        return (long)whole;
    }

    private static long DescribeMemory(MemoryInfo* info)
    {
        FrameAllocator* frames = LibOs.Frames;
        info->Image = ImageBytes();
        info->Total = (frames->TotalFrames << Frame.Shift) + LibOs.BootBytes + info->Image;
        info->TotalAbove4G = frames->TotalHighFrames << Frame.Shift;
        info->Free = frames->FreeFrames << Frame.Shift;
        info->Program = LibOs.Program->ProgramFrames << Frame.Shift;
        info->Dma = LibOs.DmaBytes;
        info->Quarantined = LibOs.QuarantinedBytes;
        info->Tables = info->Total - info->Free - info->Program - info->Dma - info->Quarantined - info->Image;
        info->LargestFree = frames->LargestFree();
        return 0;
    }

    private static ulong ImageBytes()
    {
        ImageLayout* layout = Processor.GetImageLayout();
        return Frame.RoundUp((ulong)layout->End) - Frame.RoundDown((ulong)layout->ElfHeader);
    }

    private static long DescribeThread(PerCpu* cpu, ulong index, ThreadInfo* info)
    {
        if (index >= ThreadTable.Capacity)
        {
            return -ErrorNumber.NoEntry;
        }

        Thread* thread = (*LibOs.Threads)[(int)index];
        Processor.Fill(info, 0, (ulong)sizeof(ThreadInfo));
        if (thread->State == ThreadState.Free)
        {
            return 0;
        }

        ulong ticks = thread->RunTicks;
        if (thread == cpu->CurrentThread)
        {
            ticks += Processor.ReadTimestamp() - cpu->SwitchedAt;
        }

        info->Id = thread->Id;
        info->State = StateOf(thread->State);
        info->CpuNanoseconds = Clock.ToNanoseconds(ticks);
        info->Switches = thread->Switches;
        info->InterruptWakes = thread->InterruptWakes;
        Processor.Copy(info->Name, thread->Name, ThreadInfo.NameLength);
        return 0;
    }

    private static ThreadInfoState StateOf(ThreadState state) => state switch
    {
        ThreadState.WaitingForFutex => ThreadInfoState.Futex,
        ThreadState.Sleeping => ThreadInfoState.Sleeping,
        ThreadState.WaitingForInterrupt => ThreadInfoState.Interrupt,
        ThreadState.WaitingForConsole => ThreadInfoState.Console,
        ThreadState.WaitingForPipe => ThreadInfoState.Pipe,
        ThreadState.WaitingForOutput => ThreadInfoState.Output,
        _ => ThreadInfoState.Ready,
    };

    private static long Crash(CrashKind kind)
    {
        switch (kind)
        {
            case CrashKind.LibOsFault:
                // Below the image nothing is mapped.
                *(uint*)Frame.Size = 0;
                return 0;
            case CrashKind.UnknownTrap:
                Processor.RaiseUnknownTrap();
                return 0;
            case CrashKind.OutOfFrames:
                return UseUpFrames();
            default:
                return -ErrorNumber.InvalidArgument;
        }
    }

    // Takes every frame, and then touches a page that has none.
    private static long UseUpFrames()
    {
        long page = LibOs.Program->Map(0, Frame.Size, Protection.Read | Protection.Write, isFixed: false);
        if (page < 0)
        {
            return page;
        }

        while (LibOs.Frames->AllocateBlock(0, ulong.MaxValue) != FrameAllocator.None)
        {
        }

        *(byte*)page = 0;
        return 0;
    }
}

/// <summary>
/// Calls that the program makes as plain functions, without entering LibOS: they only read, and what they read does not
/// change under the caller.
/// </summary>
internal static unsafe class DirectCalls
{
    /// <summary>Monotonic nanoseconds.</summary>
    [RuntimeExport("libos_monotonic")]
    public static ulong Monotonic() => Clock.Now;

    /// <summary>How often Ctrl+C has been typed.</summary>
    [RuntimeExport("libos_console_interrupts")]
    public static ulong ConsoleInterrupts() => ConsoleInput.Interrupts;

    /// <summary>Where a present byte is in physical memory, and for how many bytes that goes on contiguously.</summary>
    [RuntimeExport("libos_translate")]
    public static ulong Translate(ulong address, ulong length, ulong* contiguous)
    {
        ulong first = LibOs.Pages->Translate(address, out ulong pageLength);
        *contiguous = 0;
        if (first == FrameAllocator.None)
        {
            return 0;
        }

        ulong count = pageLength - (address & (pageLength - 1));
        while (count < length)
        {
            if (LibOs.Pages->Translate(address + count, out pageLength) != first + count)
            {
                break;
            }

            count += pageLength;
        }

        *contiguous = Math.Min(count, length);
        return first;
    }
}
