using System;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Boot;

/// <summary>
/// What the loader said, in one form whatever the door: copied from the loader's memory before that is used again.
/// </summary>
internal unsafe struct BootInformation
{
    /// <summary>The longest command line that is accepted, in bytes; a longer one ends the boot.</summary>
    public const int CommandLineCapacity = 65536;

    public BootDoor Door;
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

    public fixed byte CommandLine[CommandLineCapacity];

    /// <summary>
    /// Copies the command line that lies at a physical address, all of it or none; 0 means that there is none.
    /// </summary>
    public BootStatus CopyCommandLine(ulong physical)
    {
        CommandLineLength = 0;
        if (physical == 0)
        {
            return BootStatus.Ok;
        }

        // How long the line is shows only at its end: the window takes what is mapped, up to the capacity and a byte
        // more, which tells a longer line.
        ulong room = CommandLineCapacity + 1;
        if (physical < PhysicalMemory.MappedAtBoot)
        {
            room = Math.Min(room, PhysicalMemory.MappedAtBoot - physical);
        }

        return ByteWindow.TryOpen(physical, room, out ByteWindow text)
            ? CopyCommandLine(text)
            : BootStatus.Unreachable;
    }

    /// <summary>Copies a command line, all of it or none. It ends at a zero or at the window's end.</summary>
    public BootStatus CopyCommandLine(ByteWindow text)
    {
        CommandLineLength = 0;
        int length = 0;
        while ((ulong)length < text.Length)
        {
            byte character = text.Load8((ulong)length);
            if (character == 0)
            {
                break;
            }

            if (length == CommandLineCapacity)
            {
                return BootStatus.LongCommandLine;
            }

            CommandLine[length] = character;
            length++;
        }

        CommandLineLength = length;
        return BootStatus.Ok;
    }
}

/// <summary>Whether a loader's tables could be read, and what is wrong with them if not.</summary>
internal enum BootStatus : uint
{
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

/// <summary>A <see cref="BootStatus"/> in words, for people.</summary>
internal static class BootStatusText
{
    public static string Of(BootStatus status) => status switch
    {
        BootStatus.Ok => "the boot information is in order",
        BootStatus.Unreachable => "the boot information lies outside the mapped memory",
        BootStatus.BadMagic => "the boot information has the wrong magic number",
        BootStatus.TooShort => "the boot information has a table or an entry that is too short",
        BootStatus.TooLong => "the boot information has a table that is too long",
        BootStatus.Cut => "the boot information ends in the middle",
        BootStatus.NoMemory => "the boot information does not say where RAM is",
        BootStatus.LongCommandLine => "the kernel command line is longer than 65536 bytes",
        BootStatus.OverrunByCommandLine =>
            "the kernel command line is longer than the 4095 bytes that QEMU's PVH loader has room for, "
            + "and has overwritten them",
        _ => "the boot information cannot be read",
    };
}
