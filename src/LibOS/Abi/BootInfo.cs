namespace VirtioGuest.LibOS.Abi;

/// <summary>How the machine was started; filled in by <c>libos_boot_info</c>.</summary>
public struct BootInfo
{
    /// <summary>Which door the kernel came through: see <see cref="BootDoor"/>.</summary>
    public BootDoor Door;

    /// <summary>Whether the firmware is UEFI (1) or not (0).</summary>
    public uint IsUefi;

    /// <summary>Whether ACPI tables with a usable soft-off were found (1) or not (0).</summary>
    public uint HasAcpiShutdown;

    /// <summary>
    /// Whether interrupts by message can be delivered, that is, whether there is a local APIC (1) or not (0).
    /// </summary>
    public uint HasMessages;

    /// <summary>Where the entropy pool was seeded from: 1 RDSEED or RDRAND, 0 timer jitter alone.</summary>
    public uint HasHardwareEntropy;

    /// <summary>The timestamp counter's frequency in kHz.</summary>
    public uint TimestampKilohertz;

    /// <summary>What the machine lacks.</summary>
    public MissingParts Missing;

    /// <summary>Monotonic nanoseconds from kernel entry to the first byte that the program wrote.</summary>
    public ulong FirstWriteNanoseconds;
}

/// <summary>Parts of a PC that the machine lacks, as far as people notice it.</summary>
[System.Flags]
public enum MissingParts : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>Whatever brings the interrupts of lines: they are polled.</summary>
    LineInterrupts = 1 << 0,

    /// <summary>A timer that interrupts: the idle processor watches the clock.</summary>
    TimerInterrupt = 1 << 1,

    /// <summary>Anything of a known frequency: the length of a second is a guess.</summary>
    TimeReference = 1 << 2,

    /// <summary>A clock that tells the date.</summary>
    WallClock = 1 << 3,
}

/// <summary>The boot protocols that the kernel speaks.</summary>
public enum BootDoor : uint
{
    /// <summary>Multiboot2, as GRUB speaks it, on BIOS and UEFI.</summary>
    Multiboot2 = 1,

    /// <summary>Xen's PVH entry, as <c>qemu -kernel</c> uses it for an ELF file.</summary>
    Pvh = 2,

    /// <summary>The Linux/x86 boot protocol (bzImage).</summary>
    Linux = 3,
}
