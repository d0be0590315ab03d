using System.Runtime;
using System.Runtime.CompilerServices;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>The instructions that C# has no word for; each is a few lines in <c>Processor.S</c>.</summary>
internal static unsafe class Processor
{
    [RuntimeImport("libos_in8")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern byte In8(ushort port);

    [RuntimeImport("libos_in16")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ushort In16(ushort port);

    [RuntimeImport("libos_in32")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern uint In32(ushort port);

    [RuntimeImport("libos_out8")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Out8(ushort port, byte value);

    [RuntimeImport("libos_out16")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Out16(ushort port, ushort value);

    [RuntimeImport("libos_out32")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Out32(ushort port, uint value);

    /// <summary>The timestamp counter (RDTSC).</summary>
    [RuntimeImport("libos_timestamp")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong ReadTimestamp();

    [RuntimeImport("processor_read_msr")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong ReadMsr(uint register);

    [RuntimeImport("processor_write_msr")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void WriteMsr(uint register, ulong value);

    /// <summary>CPUID; <paramref name="result"/> receives EAX, EBX, ECX, EDX.</summary>
    [RuntimeImport("processor_cpuid")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void CpuId(uint leaf, uint subleaf, uint* result);

    /// <summary>One hardware random number; returns 1 when there was one.</summary>
    [RuntimeImport("processor_rdrand")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern uint ReadRandom(ulong* value);

    /// <summary>The address of the last page fault (CR2).</summary>
    [RuntimeImport("processor_fault_address")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong FaultAddress();

    /// <summary>Forgets the cached translation of one page.</summary>
    [RuntimeImport("processor_invalidate_page")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void InvalidatePage(ulong address);

    /// <summary>Switches to another page table, given by its physical address (CR3).</summary>
    [RuntimeImport("processor_load_page_table")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void LoadPageTable(ulong physical);

    /// <summary>Loads the interrupt descriptor table; the argument points to its 10-byte descriptor.</summary>
    [RuntimeImport("processor_load_idt")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void LoadInterruptTable(void* descriptor);

    /// <summary>Loads the task register with a selector of the boot assembly's segment table.</summary>
    [RuntimeImport("processor_load_task")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void LoadTask(ushort selector);

    /// <summary>Turns on XSAVE for the given components.</summary>
    [RuntimeImport("processor_enable_xsave")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void EnableXSave(ulong components);

    /// <summary>Turns off XSAVE, and with it AVX.</summary>
    [RuntimeImport("processor_disable_xsave")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void DisableXSave();

    /// <summary>Which components XSAVE saves (XCR0); XSAVE is on.</summary>
    [RuntimeImport("processor_read_xcr0")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ulong ReadXcr0();

    /// <summary>Tells the processor that this is a waiting loop (PAUSE).</summary>
    [RuntimeImport("processor_pause")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Pause();

    /// <summary>Stops for good, with interrupts off.</summary>
    [RuntimeImport("processor_halt")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Halt();

    /// <summary>Loads an empty interrupt table and traps: the last resort to reset a PC.</summary>
    [RuntimeImport("processor_triple_fault")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void TripleFault();

    /// <summary>Raises a trap that nothing handles (vector 0xF8).</summary>
    [RuntimeImport("processor_unknown_trap")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void RaiseUnknownTrap();

    /// <summary>This processor's structure.</summary>
    [RuntimeImport("processor_per_cpu")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern PerCpu* Current();

    /// <summary>Leaves LibOS for good into the current thread.</summary>
    [RuntimeImport("processor_resume")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Resume();

    /// <summary>Saves the extended registers.</summary>
    [RuntimeImport("processor_save_extended")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void SaveExtended(byte* area);

    /// <summary>Where the linker put things.</summary>
    [RuntimeImport("processor_image_layout")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern ImageLayout* GetImageLayout();

    /// <summary>Sets <paramref name="count"/> bytes to a value.</summary>
    [RuntimeImport("processor_fill")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Fill(void* destination, byte value, ulong count);

    /// <summary>Copies <paramref name="count"/> bytes between areas that do not overlap.</summary>
    [RuntimeImport("processor_copy")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Copy(void* destination, void* source, ulong count);

    /// <summary>Copies <paramref name="count"/> bytes between areas that may overlap.</summary>
    [RuntimeImport("processor_move")]
    [MethodImpl(MethodImplOptions.InternalCall)]
    public static extern void Move(void* destination, void* source, ulong count);
}
