namespace VirtioGuest.LibOS.Boot;

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
