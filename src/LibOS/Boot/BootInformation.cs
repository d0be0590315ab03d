using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.LibOS.Boot;

/// <summary>
/// What the loader said, in one form whatever the door: copied out of the loader's memory before any of that is reused.
/// </summary>
internal unsafe struct BootInformation
{
    /// <summary>The longest command line that is taken, in bytes; a longer one ends the start.</summary>
    public const int CommandLineCapacity = 65536;

    /// <summary>Which protocol the loader spoke.</summary>
    public BootDoor Door;

    /// <summary>Whether the firmware is UEFI.</summary>
    public bool IsUefi;

    /// <summary>The firmware's memory map, sorted by address, without overlaps.</summary>
    public MemoryMap Memory;

    /// <summary>Where the loader says that the ACPI root pointer is; 0 where it does not say.</summary>
    public ulong RootPointer;

    /// <summary>A copy of the ACPI root pointer, where the loader hands over the structure itself.</summary>
    public fixed byte RootPointerCopy[36];

    /// <summary>How many bytes of <see cref="RootPointerCopy"/> are filled in; 0, 20 or 36.</summary>
    public uint RootPointerCopyLength;

    /// <summary>The screen that the loader set up.</summary>
    public FramebufferInformation Screen;

    /// <summary>How many bytes of <see cref="CommandLine"/> are filled in.</summary>
    public int CommandLineLength;

    /// <summary>The kernel command line.</summary>
    public fixed byte CommandLine[CommandLineCapacity];
}
