namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>How the kernel gets into the machine.</summary>
public enum Door
{
    /// <summary>The ELF file by <c>-kernel</c>: the PVH entry.</summary>
    Elf,

    /// <summary>The bzImage by <c>-kernel</c>: the Linux boot protocol.</summary>
    BzImage,

    /// <summary>The ISO on BIOS firmware: GRUB and Multiboot2.</summary>
    IsoBios,

    /// <summary>The ISO on UEFI firmware: GRUB and Multiboot2.</summary>
    IsoUefi,

    /// <summary>The ISO of the Cosmos kernel on BIOS firmware: Multiboot2.</summary>
    Cosmos,

    /// <summary>No kernel at all: firmware, and what the extra arguments bring. For tests of this harness.</summary>
    None,
}
