namespace VirtioGuest.LibOS.Boot;

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
