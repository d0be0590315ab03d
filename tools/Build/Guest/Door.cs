namespace VirtioGuest.Build.Guest;

/// <summary>The file that a guest is started from, and with it the boot protocol.</summary>
internal enum Door
{
    /// <summary>The CD image: GRUB, Multiboot2.</summary>
    Iso,

    /// <summary>The ELF file: <c>qemu -kernel</c>, PVH.</summary>
    Elf,

    /// <summary>The bzImage: <c>qemu -kernel</c>, the Linux/x86 boot protocol.</summary>
    BzImage,

    /// <summary>The CD image of the Cosmos kernel: Multiboot2, on the machine type that Cosmos comes up on.</summary>
    Cosmos,
}
