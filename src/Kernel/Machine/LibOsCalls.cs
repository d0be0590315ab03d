using System;
using System.Runtime.InteropServices;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>
/// The calls that LibOS offers beyond the Linux system calls. They are linked in statically; a result below zero is a
/// negated Linux error number.
/// </summary>
internal static unsafe partial class LibOsCalls
{
    /// <summary>
    /// Stands beside the count that <see cref="WaitInterrupt"/> returns: no interrupt came, but the device is to be
    /// looked at.
    /// </summary>
    internal const ulong Look = 1UL << 62;

    private const string Library = "libos";

    // Short, never block: called without leaving cooperative mode.

    [DllImport(Library, EntryPoint = "libos_in8"), SuppressGCTransition]
    internal static extern byte In8(ushort port);

    [DllImport(Library, EntryPoint = "libos_in16"), SuppressGCTransition]
    internal static extern ushort In16(ushort port);

    [DllImport(Library, EntryPoint = "libos_in32"), SuppressGCTransition]
    internal static extern uint In32(ushort port);

    [DllImport(Library, EntryPoint = "libos_out8"), SuppressGCTransition]
    internal static extern void Out8(ushort port, byte value);

    [DllImport(Library, EntryPoint = "libos_out16"), SuppressGCTransition]
    internal static extern void Out16(ushort port, ushort value);

    [DllImport(Library, EntryPoint = "libos_out32"), SuppressGCTransition]
    internal static extern void Out32(ushort port, uint value);

    /// <summary>The processor's timestamp counter.</summary>
    [DllImport(Library, EntryPoint = "libos_timestamp"), SuppressGCTransition]
    internal static extern ulong Timestamp();

    /// <summary>Nanoseconds since kernel entry; never goes back.</summary>
    [DllImport(Library, EntryPoint = "libos_monotonic"), SuppressGCTransition]
    internal static extern ulong MonotonicNanoseconds();

    /// <summary>How often Ctrl+C has been typed.</summary>
    [DllImport(Library, EntryPoint = "libos_console_interrupts"), SuppressGCTransition]
    internal static extern ulong CountConsoleInterrupts();

    /// <summary>
    /// Where a mapped, present byte is in physical memory, and how many bytes from there on are contiguous (at most
    /// <paramref name="length"/>). Returns 0 where nothing is present: <see cref="Populate"/> comes first.
    /// </summary>
    [DllImport(Library, EntryPoint = "libos_translate"), SuppressGCTransition]
    internal static extern ulong Translate(void* address, ulong length, ulong* contiguous);

    /// <summary>
    /// Keeps patterns in all registers for a number of turns; returns which of them have changed (see Registers.S).
    /// </summary>
    [DllImport(Library, EntryPoint = "libos_hold_registers"), SuppressGCTransition]
    internal static extern ulong HoldRegisters(void* pattern, ulong turns, ulong extra, byte* pages);

    // Ordinary calls.

    /// <summary>The same outside cooperative mode: the collector does not wait for it.</summary>
    [DllImport(Library, EntryPoint = "libos_hold_registers")]
    internal static extern ulong HoldRegistersPreemptively(void* pattern, ulong turns, ulong extra, byte* pages);

    [DllImport(Library, EntryPoint = "libos_boot_info")]
    internal static extern long GetBootInfo(BootInfo* info);

    /// <summary>Copies the kernel command line, without a terminating zero; returns its whole length.</summary>
    [DllImport(Library, EntryPoint = "libos_command_line")]
    internal static extern long GetCommandLine(byte* buffer, ulong length);

    [DllImport(Library, EntryPoint = "libos_memory_info")]
    internal static extern long GetMemoryInfo(MemoryInfo* info);

    /// <summary>The firmware's memory map, sorted; -ENOENT (-2) past its end.</summary>
    [DllImport(Library, EntryPoint = "libos_memory_range")]
    internal static extern long GetMemoryRange(ulong index, MemoryRange* range);

    /// <summary>Where PCI configuration space is in memory; -ENOENT (-2) past the last window.</summary>
    [DllImport(Library, EntryPoint = "libos_configuration_window")]
    internal static extern long GetConfigurationWindow(ulong index, ConfigurationWindow* window);

    /// <summary>The ACPI tables whose checksum is right; -ENOENT (-2) past the last.</summary>
    [DllImport(Library, EntryPoint = "libos_acpi_table")]
    internal static extern long GetAcpiTable(ulong index, AcpiTable* table);

    /// <summary>Thread slot <paramref name="index"/>; -ENOENT (-2) past the last slot, Id 0 in an unused one.</summary>
    [DllImport(Library, EntryPoint = "libos_thread_info")]
    internal static extern long GetThreadInfo(ulong index, ThreadInfo* info);

    /// <summary>Interrupt slot <paramref name="index"/>; -ENOENT (-2) past the last slot.</summary>
    [DllImport(Library, EntryPoint = "libos_interrupt_info")]
    internal static extern long GetInterruptInfo(ulong index, InterruptInfo* info);

    /// <summary>Names the calling thread (UTF-8, ended by a zero, at most 31 bytes are kept).</summary>
    [DllImport(Library, EntryPoint = "libos_thread_name")]
    internal static extern long SetThreadName(byte* name);

    /// <summary>Sets a message aside; -ENOSPC (-28) when none is left, -ENODEV (-19) without a local APIC.</summary>
    [DllImport(Library, EntryPoint = "libos_message_allocate")]
    internal static extern long AllocateMessage(byte* name, MessageGrant* grant);

    /// <summary>Takes a share in a line; returns its handle. The line is unmasked once every share waits.</summary>
    /// <param name="line">Which.</param>
    /// <param name="name">Who for (ended by a zero).</param>
    /// <param name="isBoard">1 for a device of the board, 0 for one on PCI, where firmware does not tell the
    /// trigger.</param>
    [DllImport(Library, EntryPoint = "libos_line_attach")]
    internal static extern long AttachLine(ulong line, byte* name, ulong isBoard);

    /// <summary>
    /// Blocks until the interrupt has come more often than <paramref name="seen"/> and returns how often it has, or
    /// until the device on a line is to be looked at without an interrupt (<see cref="Look"/>).
    /// </summary>
    /// <param name="handle">From <see cref="AllocateMessage"/> or <see cref="AttachLine"/>.</param>
    /// <param name="seen">The last count, 0 at first.</param>
    /// <param name="claimed">1 where the device had asked since the last call, else 0: lines only.</param>
    /// <returns>The count, or -ECANCELED (-125) after a release.</returns>
    [DllImport(Library, EntryPoint = "libos_interrupt_wait")]
    internal static extern long WaitInterrupt(ulong handle, ulong seen, ulong claimed);

    [DllImport(Library, EntryPoint = "libos_interrupt_release")]
    internal static extern long ReleaseInterrupt(ulong handle);

    /// <summary>
    /// Has the driver thread of a message look at its device, after a claim that ended with an interrupt unseen.
    /// </summary>
    [DllImport(Library, EntryPoint = "libos_interrupt_hand_over")]
    internal static extern long HandOverInterrupt(ulong handle);

    /// <summary>
    /// Blocks while a word of memory holds a value, until <see cref="Wake"/> is called for it.
    /// </summary>
    /// <returns>0, -EAGAIN (-11) where it holds another, or -ETIMEDOUT (-110).</returns>
    [DllImport(Library, EntryPoint = "libos_wait")]
    internal static extern long Wait(uint* word, uint value, ulong nanoseconds);

    /// <summary>Wakes threads that wait at a word, those first that have waited longest; returns how many.</summary>
    [DllImport(Library, EntryPoint = "libos_wake")]
    internal static extern long Wake(uint* word, uint limit);

    /// <summary>
    /// Allocates zeroed, physically contiguous memory whose last byte is at most <paramref name="highestAddress"/>.
    /// </summary>
    [DllImport(Library, EntryPoint = "libos_dma_allocate")]
    internal static extern long AllocateDma(ulong length, ulong alignment, ulong highestAddress, DmaGrant* grant);

    [DllImport(Library, EntryPoint = "libos_dma_free")]
    internal static extern long FreeDma(ulong physicalAddress, ulong length);

    /// <summary>Counts memory as lost to a device; it is never given out again.</summary>
    [DllImport(Library, EntryPoint = "libos_dma_quarantine")]
    internal static extern long QuarantineDma(ulong physicalAddress, ulong length);

    /// <summary>Maps device registers uncached; returns their virtual address.</summary>
    [DllImport(Library, EntryPoint = "libos_mmio_map")]
    internal static extern long MapMmio(ulong physicalAddress, ulong length);

    /// <summary>
    /// Gives every page of a range its memory, writable; -EFAULT (-14) where the range is not mapped so.
    /// </summary>
    [DllImport(Library, EntryPoint = "libos_populate")]
    internal static extern long Populate(void* address, ulong length);

    /// <summary>
    /// Blocks until a key is pressed or a byte comes over the serial port; returns how many were copied, or -EIO (-5)
    /// once where bytes are missing in front of the next.
    /// </summary>
    [DllImport(Library, EntryPoint = "libos_console_read")]
    internal static extern long ReadConsole(byte* buffer, ulong length);

    /// <summary>Mixes bytes into the pool that random bytes come from.</summary>
    [DllImport(Library, EntryPoint = "libos_entropy_add")]
    internal static extern long AddEntropy(byte* bytes, ulong length);

    /// <summary>
    /// Switches off by ACPI; without ACPI resets. This and the other ends of the machine wait until all output has
    /// left. Does not return.
    /// </summary>
    [DllImport(Library, EntryPoint = "libos_power_off")]
    internal static extern long PowerOff();

    /// <summary>Resets: port 0xCF9, then the keyboard controller, then a triple fault. Does not return.</summary>
    [DllImport(Library, EntryPoint = "libos_reset")]
    internal static extern long Reset();

    /// <summary>Writes a value to the debug exit device at port 0xF4; returns where there is none.</summary>
    [DllImport(Library, EntryPoint = "libos_debug_exit")]
    internal static extern long DebugExit(ulong value);

    /// <summary>Fails on purpose, so that the report can be tested. Does not return.</summary>
    [DllImport(Library, EntryPoint = "libos_crash")]
    internal static extern long Crash(CrashKind kind);
}

/// <summary>How LibOS calls say no: a negated Linux error number, as Linux system calls do.</summary>
internal static class LibOsError
{
    /// <summary>Past the end of a list (ENOENT).</summary>
    public const long NoEntry = -2;

    /// <summary>Input was lost (EIO).</summary>
    public const long InputOutput = -5;

    /// <summary>A wait took too long (ETIMEDOUT).</summary>
    public const long TimedOut = -110;

    /// <summary>A wait was ended by a release (ECANCELED).</summary>
    public const long Cancelled = -125;

    private const long Lowest = -4095;

    /// <summary>Whether a result is an error. An address in the upper half is none, though it is negative.</summary>
    public static bool IsError(long result) => result is < 0 and >= Lowest;

    /// <summary>Stops the program where a call that cannot fail did.</summary>
    /// <exception cref="InvalidOperationException">The result is an error.</exception>
    public static void ThrowIfError(long result, string call)
    {
        if (IsError(result))
        {
            throw new InvalidOperationException(call + " failed with error " + (-result).ToString());
        }
    }
}
