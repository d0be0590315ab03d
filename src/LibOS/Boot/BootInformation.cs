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

/// <summary>Whether a loader's tables could be read, and what was wrong with them otherwise.</summary>
internal enum BootStatus : uint
{
    /// <summary>They could.</summary>
    Ok = 0,

    /// <summary>A table lies at 0 or outside the memory that is mapped at boot.</summary>
    Unreachable = 1,

    /// <summary>The table does not begin with its magic number.</summary>
    BadMagic = 2,

    /// <summary>A table, or an entry in it, is shorter than its kind must be.</summary>
    TooShort = 3,

    /// <summary>A table claims a size or a number of entries that no loader writes.</summary>
    TooLong = 4,

    /// <summary>An entry runs past the end of its table, or the table ends without its end mark.</summary>
    Cut = 5,

    /// <summary>Nothing says where RAM is.</summary>
    NoMemory = 6,

    /// <summary>The command line is longer than <see cref="BootInformation.CommandLineCapacity"/>.</summary>
    LongCommandLine = 7,

    /// <summary>The loader's tables are damaged by a command line that it had no room for.</summary>
    OverrunByCommandLine = 8,
}

/// <summary>What a person is told of a <see cref="BootStatus"/>.</summary>
internal static class BootStatusText
{
    /// <summary>One line in words, without a line end.</summary>
    public static string Of(BootStatus status)
    {
        switch (status)
        {
            case BootStatus.Ok:
                return "the boot information is in order";
            case BootStatus.Unreachable:
                return "the boot information lies outside the mapped memory";
            case BootStatus.BadMagic:
                return "the boot information has the wrong magic number";
            case BootStatus.TooShort:
                return "the boot information has a table or an entry that is too short";
            case BootStatus.TooLong:
                return "the boot information has a table that is too long";
            case BootStatus.Cut:
                return "the boot information ends in the middle";
            case BootStatus.NoMemory:
                return "the boot information does not say where RAM is";
            case BootStatus.LongCommandLine:
                return "the kernel command line is longer than 65536 bytes";
            case BootStatus.OverrunByCommandLine:
                return "the kernel command line is longer than the 4095 bytes that QEMU's PVH loader has room for, "
                    + "and has overwritten them";
            default:
                return "the boot information cannot be read";
        }
    }
}

/// <summary>Copies the kernel command line out of the loader's memory: all of it, or none.</summary>
internal static unsafe class KernelCommandLine
{
    /// <summary>Copies a line that ends at a zero or at the window's end.</summary>
    public static BootStatus Copy(ByteWindow text, BootInformation* information)
    {
        information->CommandLineLength = 0;
        int length = 0;
        while ((ulong)length < text.Length)
        {
            byte character = text.Load8((ulong)length);
            if (character == 0)
            {
                break;
            }

            if (length == BootInformation.CommandLineCapacity)
            {
                return BootStatus.LongCommandLine;
            }

            information->CommandLine[length] = character;
            length++;
        }

        information->CommandLineLength = length;
        return BootStatus.Ok;
    }

    /// <summary>Copies the line at a physical address; 0 means that there is none.</summary>
    public static BootStatus CopyFrom(ulong physical, BootInformation* information)
    {
        information->CommandLineLength = 0;
        if (physical == 0)
        {
            return BootStatus.Ok;
        }

        // The line's own length is not known beforehand: the window takes what is mapped, up to the room for it and a
        // byte more, by which a longer line is seen.
        ulong room = BootInformation.CommandLineCapacity + 1;
        ulong limit = Memory.PhysicalMemory.MappedAtBoot;
        if (physical < limit && limit - physical < room)
        {
            room = limit - physical;
        }

        return ByteWindow.TryOpen(physical, room, out ByteWindow text)
            ? Copy(text, information)
            : BootStatus.Unreachable;
    }
}
