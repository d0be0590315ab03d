using System.Runtime.CompilerServices;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Entropy;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Signals;
using VirtioGuest.LibOS.Threads;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS;

/// <summary>
/// The one instance of everything that the machine has once. LibOS runs with interrupts off, so nothing here needs a
/// lock as long as there is one processor.
/// </summary>
internal static unsafe class LibOs
{
    private static BootInformation s_boot;
    private static AcpiTables s_acpi;
    private static ProcessorFeatures s_features;
    private static FrameAllocator s_frames;
    private static PageTable s_pages;
    private static KernelStacks s_stacks;
    private static AddressSpace s_program;
    private static ThreadTable s_threads;
    private static FutexTable s_futexes;
    private static SleeperList s_sleepers;
    private static InterruptTable s_interrupts;
    private static InterruptLines s_lines;
    private static LocalApic s_apic;
    private static SignalTable s_signals;
    private static EntropyPool s_entropy;
    private static PerCpu s_bootProcessor;

    public static BootInformation* Boot => Address(ref s_boot);
    public static AcpiTables* Acpi => Address(ref s_acpi);
    public static ProcessorFeatures* Features => Address(ref s_features);
    public static FrameAllocator* Frames => Address(ref s_frames);

    /// <summary>The page table in use.</summary>
    public static PageTable* Pages => Address(ref s_pages);

    public static KernelStacks* Stacks => Address(ref s_stacks);
    public static AddressSpace* Program => Address(ref s_program);
    public static ThreadTable* Threads => Address(ref s_threads);
    public static FutexTable* Futexes => Address(ref s_futexes);
    public static SleeperList* Sleepers => Address(ref s_sleepers);
    public static InterruptTable* Interrupts => Address(ref s_interrupts);
    public static InterruptLines* Lines => Address(ref s_lines);

    /// <summary>The local APIC; absent on some machines.</summary>
    public static LocalApic* Apic => Address(ref s_apic);

    public static SignalTable* Signals => Address(ref s_signals);
    public static EntropyPool* Entropy => Address(ref s_entropy);
    public static PerCpu* BootProcessor => Address(ref s_bootProcessor);

    /// <summary>The timer in use.</summary>
    public static TimerKind Timer { get; set; }

    /// <summary>What the machine lacks; the program reports it after its first line.</summary>
    public static MissingParts Missing { get; set; }

    /// <summary>Memory that was taken before there was an allocator: the frame records, in bytes.</summary>
    public static ulong BootBytes { get; set; }

    /// <summary>Device memory given out, in bytes.</summary>
    public static ulong DmaBytes { get; set; }

    /// <summary>Device memory lost to devices that did not confirm a reset, in bytes.</summary>
    public static ulong QuarantinedBytes { get; set; }

    /// <summary>The monotonic time of the program's first output, or 0 before that.</summary>
    public static ulong FirstWrite { get; set; }

    // Statics of LibOS are plain data of the image: nothing moves them.
    private static T* Address<T>(ref T value)
        where T : unmanaged => (T*)Unsafe.AsPointer(ref value);
}
