using System;
using System.Runtime;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.SystemCalls;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS;

/// <summary>From the boot assembly to the program's first instruction.</summary>
internal static unsafe class Startup
{
    private const ulong Megabyte = 0x10_0000;
    private const ulong LowMemory = Megabyte;
    private const ulong VgaTextLength = 0x8000;

    // Used when nothing on the machine tells the time: a wrong speed is better than none.
    private const uint AssumedKilohertz = 1_000_000;

    // What firmware keeps for itself at the top of a small machine's memory, and works with, as in MemoryCheck.inc.
    private const ulong FirmwareShare = 0xE_0000;

    private static ulong s_ramBytes;

    /// <summary>Called by <c>Entry.S</c> on the boot stack, with interrupts off and the first 4 GB mapped.</summary>
    /// <param name="door">Which protocol the loader speaks.</param>
    /// <param name="information">Where its tables are.</param>
    [RuntimeExport("libos_main")]
    public static void Enter(BootDoor door, ulong information)
    {
        ulong entered = Processor.ReadTimestamp();
        PhysicalMemory.Base = PhysicalMemory.DirectMap;
        PerCpu* cpu = LibOs.BootProcessor;
        cpu->Self = cpu;
        cpu->KernelDepth = 1;
        cpu->TimerDeadline = Clock.Never;
        Processor.WriteMsr(Msr.GsBase, (ulong)cpu);

        KernelConsole.Initialize();
        ReadLoaderTables(door, information);
        AcpiTables.Find(LibOs.Boot, LibOs.Acpi);
        if (!LibOs.Acpi->Interrupts.IsPresent && !LibOs.Boot->IsUefi)
        {
            MultiprocessorTable.Read(&LibOs.Acpi->Interrupts);
        }

        *LibOs.Features = ProcessorFeatures.Detect();
        bool hasVga = HasVgaText();

        CreateMemory();
        AttachScreen(hasVga);
        RequiredFeatures.Check(Processor.GetImageLayout()->Features, Processor.GetImageLayout()->FeaturesEnd);
        LibOs.Features->Enable(cpu);
        CreateProcessor(cpu);
        CreateInterrupts();
        CreateTime(entered);
        CreateTimer(cpu);
        CreateInput();
        LibOs.Entropy->Initialize(LibOs.Features->HasRandom, Clock.WallNow ^ entered);

        FileCalls.Initialize();
        Thread* first = ProgramStart.CreateFirstThread();
        cpu->SwitchedAt = Processor.ReadTimestamp();
        cpu->SliceEnd = cpu->SwitchedAt + Scheduler.SliceTicks;
        Scheduler.Run(cpu, first);
        Processor.Resume();
    }

    private static void ReadLoaderTables(BootDoor door, ulong information)
    {
        BootInformation* boot = LibOs.Boot;
        BootStatus status = door switch
        {
            BootDoor.Multiboot2 => Multiboot2.Parse(information, boot),
            BootDoor.Pvh => PvhStartInfo.Parse(information, boot),
            _ => LinuxBootParameters.Parse(information, boot),
        };

        if (status != BootStatus.Ok)
        {
            KernelConsole.Write("LibOS: the boot loader's tables cannot be read: ");
            KernelConsole.WriteLine(BootStatusText.Of(status));
            Power.Fail();
        }

        s_ramBytes = boot->Memory.RamBytes;

        // The first megabyte remains the firmware's, and the image is in use.
        ImageLayout* layout = Processor.GetImageLayout();
        ulong image = Frame.RoundDown((ulong)layout->ElfHeader);
        boot->Memory.Reserve(0, LowMemory);
        boot->Memory.Reserve(image, Frame.RoundUp((ulong)layout->End) - image);
    }

    private static void CreateMemory()
    {
        // The frame records, and everything else that start-up needs, come from the largest range that is mapped.
        var range = default(MemoryRange);
        ulong best = 0;
        ulong bestEnd = 0;
        ulong ramEnd = LibOs.Boot->Memory.RamEnd;
        for (uint i = 0; LibOs.Boot->Memory.TryGet(i, &range); i++)
        {
            ulong end = Math.Min(range.Start + range.Length, PhysicalMemory.MappedAtBoot);
            if (range.Kind == MemoryMap.Ram && range.Start < end && end - range.Start > bestEnd - best)
            {
                best = range.Start;
                bestEnd = end;
            }
        }

        ulong endFrame = ramEnd >> Frame.Shift;
        ulong recordBytes = Frame.RoundUp(FrameAllocator.RecordBytes(endFrame));
        ulong records = Frame.RoundUp(best);
        if (bestEnd < records || bestEnd - records < 2 * recordBytes)
        {
            FailForMemory();
        }

        LibOs.Frames->Initialize(endFrame, PhysicalMemory.At(records));
        LibOs.BootBytes = recordBytes;
        AddMemory(records, records + recordBytes, isAboveBoot: false);
        CreatePageTable();
        AddMemory(records, records + recordBytes, isAboveBoot: true);

        LibOs.Stacks->Initialize(LibOs.Pages, LibOs.Frames);
        int mappings = AddressSpace.MappingCapacity(LibOs.Frames->TotalFrames);
        ulong store = AllocateStore((ulong)mappings * (ulong)sizeof(Mapping));
        LibOs.Program->Initialize(LibOs.Pages, LibOs.Frames, (Mapping*)PhysicalMemory.At(store), mappings);
    }

    // Gives RAM below or above what the boot assembly mapped to the allocator, less the frame records themselves.
    private static void AddMemory(ulong reservedStart, ulong reservedEnd, bool isAboveBoot)
    {
        var range = default(MemoryRange);
        ulong lowest = isAboveBoot ? PhysicalMemory.MappedAtBoot : 0;
        ulong limit = isAboveBoot ? ulong.MaxValue : PhysicalMemory.MappedAtBoot;
        for (uint i = 0; LibOs.Boot->Memory.TryGet(i, &range); i++)
        {
            if (range.Kind != MemoryMap.Ram)
            {
                continue;
            }

            ulong start = Math.Max(range.Start, lowest);
            ulong end = Math.Min(range.Start + range.Length, limit);
            if (start < reservedEnd && end > reservedStart)
            {
                AddRange(start, reservedStart);
                start = reservedEnd;
            }

            AddRange(start, end);
        }
    }

    private static void AddRange(ulong start, ulong end)
    {
        if (start < end)
        {
            LibOs.Frames->Add(start, end);
        }
    }

    // The final page table: the image at its own addresses, each page with the rights of its segment, and all RAM in
    // the direct map. The image is not in the direct map, so that its code cannot be written there either.
    private static void CreatePageTable()
    {
        PageTable* pages = LibOs.Pages;
        bool isComplete = pages->Initialize(LibOs.Frames, LibOs.Features->HasNoExecute);
        byte* image = Processor.GetImageLayout()->ElfHeader;
        isComplete = isComplete && KernelImage.Map(image, (ulong)image, pages);
        var range = default(MemoryRange);
        for (uint i = 0; isComplete && LibOs.Boot->Memory.TryGet(i, &range); i++)
        {
            if (range.Kind == MemoryMap.Ram)
            {
                ulong start = Frame.RoundUp(range.Start);
                ulong end = Frame.RoundDown(range.Start + range.Length);
                isComplete = start >= end || pages->MapLarge(
                    (ulong)PhysicalMemory.At(start),
                    start,
                    end - start,
                    PageFlags.Writable | PageFlags.NoExecute);
            }
        }

        if (!isComplete)
        {
            FailForMemory();
        }

        Processor.LoadPageTable(pages->Root);
    }

    private static bool HasVgaText()
    {
        BootInformation* boot = LibOs.Boot;
        if (boot->Screen.Kind != FramebufferKind.None || boot->IsUefi)
        {
            return false;
        }

        return LibOs.Acpi->Fixed.MayHaveVga && VgaPresence.Check();
    }

    private static void AttachScreen(bool hasVga)
    {
        FramebufferInformation* screen = &LibOs.Boot->Screen;
        if (screen->Kind == FramebufferKind.Rgb)
        {
            ulong shadowLength = KernelConsole.ShadowLength(screen);
            if (shadowLength != 0 && DeviceMemory.Map(LibOs.Pages, screen->Address, screen->Bytes))
            {
                KernelConsole.AttachFramebuffer(
                    screen,
                    PhysicalMemory.At(screen->Address),
                    Processor.GetImageLayout()->Font,
                    PhysicalMemory.At(AllocateStore(shadowLength)),
                    shadowLength);
            }
        }
        else if ((hasVga || screen->IsColourText)
            && DeviceMemory.Map(LibOs.Pages, FramebufferInformation.ColourTextAddress, VgaTextLength))
        {
            KernelConsole.AttachVgaText(PhysicalMemory.At(FramebufferInformation.ColourTextAddress));
        }
    }

    private static void CreateProcessor(PerCpu* cpu)
    {
        cpu->KernelStack = LibOs.Stacks->Allocate();
        cpu->NestedExtended = PhysicalMemory.At(AllocateStore(Frame.Size));
        SegmentTables.Load(
            cpu,
            Processor.GetImageLayout(),
            LibOs.Stacks,
            PhysicalMemory.At(AllocateStore(2 * Frame.Size)));

        // SYSCALL keeps ring 0's selectors and clears the flags for interrupts, traps, direction, alignment and nested
        // tasks; with that last one set, IRETQ would fault.
        Processor.WriteMsr(Msr.Star, (SegmentTables.CodeSelector << 32) | (SegmentTables.CodeSelector << 48));
        Processor.WriteMsr(Msr.LStar, (ulong)Processor.GetImageLayout()->SystemCallEntry);
        Processor.WriteMsr(Msr.SyscallFlagMask, 0x4_4700);

        LibOs.Threads->Initialize(PhysicalMemory.At(AllocateStore(ThreadTable.StoreBytes)));
        LibOs.Futexes->Initialize(PhysicalMemory.At(AllocateStore(FutexTable.StoreBytes)));
        LibOs.Interrupts->Initialize(PhysicalMemory.At(AllocateStore(InterruptTable.StoreBytes)));
        cpu->IdleThread = ProgramStart.CreateIdleThread();
    }

    private static void CreateTime(ulong entered)
    {
        FixedDescription* fixedHardware = &LibOs.Acpi->Fixed;
        uint kilohertz = LibOs.Features->TimestampKilohertz;
        if (kilohertz == 0)
        {
            ushort acpiTimer = fixedHardware->TimerPort;
            kilohertz = TimestampCalibration.Measure(acpiTimer, LibOs.Apic, HypervisorClock.ApicTimerHertz);
        }

        if (kilohertz == 0 && fixedHardware->MayHaveRealTimeClock)
        {
            kilohertz = RealTimeClock.MeasureTimestamp();
        }

        if (kilohertz == 0)
        {
            LibOs.Missing |= MissingParts.TimeReference;
            kilohertz = AssumedKilohertz;
        }

        ulong wall = fixedHardware->MayHaveRealTimeClock
            ? RealTimeClock.ReadUnixSeconds(fixedHardware->CenturyRegister)
            : 0;
        LibOs.Missing |= wall == 0 ? MissingParts.WallClock : MissingParts.None;
        Clock.Initialize(entered, kilohertz, wall);
    }

    private static void CreateInterrupts()
    {
        bool hasPic = Pic8259.Initialize();
        bool hasApic = LibOs.Features->HasLocalApic && LibOs.Apic->Initialize(LibOs.Pages);
        InterruptDescription* description = &LibOs.Acpi->Interrupts;
        LibOs.Lines->IoApics.Initialize(description, LibOs.Pages, mayGuess: hasApic && !hasPic);
        LibOs.Lines->Initialize(hasPic, LibOs.Apic, description);
        LibOs.Missing |= LibOs.Lines->HasAny ? MissingParts.None : MissingParts.LineInterrupts;
    }

    private static void CreateTimer(PerCpu* cpu)
    {
        if (LibOs.Apic->IsPresent)
        {
            LibOs.Apic->CalibrateTimer(Clock.Kilohertz);
            if (LibOs.Apic->TimerHertz != 0)
            {
                LibOs.Timer = TimerKind.LocalApic;
                return;
            }
        }

        if (LibOs.Lines->HasPic && IntervalTimer8254.IsCounting())
        {
            LibOs.Timer = TimerKind.Interval;
            LibOs.Lines->Unmask(0);
            return;
        }

        LibOs.Missing |= MissingParts.TimerInterrupt;
        cpu->IdleThread->Registers.Rip = (ulong)Processor.GetImageLayout()->IdlePollLoop;
    }

    private static void CreateInput()
    {
        if (Uart16550.IsPresent)
        {
            Uart16550.EnableReceiveInterrupt();
            InputPolling.AddSerial(TryOpenLine(Uart16550.InterruptLine), Clock.Now);
        }

        if (LibOs.Acpi->Fixed.MayHaveKeyboardController && KeyboardController.Initialize())
        {
            InputPolling.AddKeyboard(TryOpenLine(KeyboardController.InterruptLine), Clock.Now);
        }
    }

    private static bool TryOpenLine(uint line)
    {
        if (!LibOs.Lines->CanInterrupt(line))
        {
            return false;
        }

        LibOs.Lines->Connect(line, isPci: false);
        LibOs.Lines->Unmask(line);
        return true;
    }

    // Memory that is never given back.
    private static ulong AllocateStore(ulong bytes)
    {
        ulong physical = LibOs.Frames->AllocateContiguous(bytes, Frame.Size, ulong.MaxValue);
        if (physical == FrameAllocator.None)
        {
            FailForMemory();
        }

        return physical;
    }

    // The smallest machine is one that the image fits into: the memory below the image is enough for everything else.
    private static void FailForMemory()
    {
        ulong present = (s_ramBytes + Megabyte - 1) / Megabyte;
        ulong needed = ((ulong)Processor.GetImageLayout()->End + FirmwareShare + Megabyte - 1) / Megabyte;
        if (present >= needed)
        {
            Panic.Fail("there is memory, but too little of it is free to start");
        }

        KernelConsole.StartLine();
        KernelConsole.Write("VirtioGuest needs at least ");
        KernelConsole.WriteDecimal(needed);
        KernelConsole.Write(" MB of memory; this machine has ");
        KernelConsole.WriteDecimal(present);
        KernelConsole.WriteLine(" MB.");
        Power.Fail();
    }
}
