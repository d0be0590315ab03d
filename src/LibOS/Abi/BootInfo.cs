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

    /// <summary>Monotonic nanoseconds from kernel entry to the first byte that the program wrote.</summary>
    public ulong FirstWriteNanoseconds;
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
