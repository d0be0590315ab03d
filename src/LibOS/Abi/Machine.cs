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

/// <summary>Parts of a PC that the machine lacks, as far as people would notice.</summary>
[System.Flags]
public enum MissingParts : uint
{
    /// <summary>None.</summary>
    None = 0,

    /// <summary>A controller for the interrupts of lines: devices on lines are polled.</summary>
    LineInterrupts = 1 << 0,

    /// <summary>A timer that interrupts: the idle processor polls the clock.</summary>
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

/// <summary>
/// Where the firmware says that PCI configuration space is in memory; filled in by <c>libos_configuration_window</c>.
/// </summary>
/// <remarks>Each bus takes 1 MB. The range of the buses named here does not wrap around.</remarks>
public struct ConfigurationWindow
{
    /// <summary>The physical address of bus 0, whatever the first bus is; a multiple of 1 MB, not 0.</summary>
    public ulong BaseAddress;

    /// <summary>The segment group.</summary>
    public ushort Segment;

    /// <summary>The first bus that is reached.</summary>
    public byte FirstBus;

    /// <summary>The last bus that is reached, at least <see cref="FirstBus"/>.</summary>
    public byte LastBus;
}

/// <summary>An ACPI table whose length and checksum are right.</summary>
public struct AcpiTable
{
    /// <summary>Where it is, below 4 GB.</summary>
    public ulong PhysicalAddress;

    /// <summary>Its length in bytes, the common header of 36 bytes included.</summary>
    public uint Length;

    /// <summary>Its four letters as a little-endian number.</summary>
    public uint Signature;
}

/// <summary>A failure that <c>libos_crash</c> brings about, so that its report can be tested.</summary>
public enum CrashKind : uint
{
    /// <summary>A page fault inside LibOS itself.</summary>
    LibOsFault = 1,

    /// <summary>A trap that nothing handles.</summary>
    UnknownTrap = 2,

    /// <summary>A frame allocation when none is left.</summary>
    OutOfFrames = 3,
}
