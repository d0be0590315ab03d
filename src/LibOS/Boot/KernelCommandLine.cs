namespace VirtioGuest.LibOS.Boot;

/// <summary>Copies the kernel command line out of the loader's memory.</summary>
internal static unsafe class KernelCommandLine
{
    /// <summary>Copies a line that ends at a zero, at the window's end, or where the room is used up.</summary>
    public static void Copy(ByteWindow text, BootInformation* information)
    {
        int length = 0;
        while (length < BootInformation.CommandLineCapacity && (ulong)length < text.Length)
        {
            byte character = text.Load8((ulong)length);
            if (character == 0)
            {
                break;
            }

            information->CommandLine[length] = character;
            length++;
        }

        information->CommandLineLength = length;
    }

    /// <summary>Copies the line at a physical address; 0 means that there is none.</summary>
    public static BootStatus CopyFrom(ulong physical, BootInformation* information)
    {
        information->CommandLineLength = 0;
        if (physical == 0)
        {
            return BootStatus.Ok;
        }

        // The line's own length is not known beforehand: the window takes what is mapped, up to the room for it.
        ulong room = BootInformation.CommandLineCapacity;
        ulong limit = Memory.PhysicalMemory.MappedAtBoot;
        if (physical < limit && limit - physical < room)
        {
            room = limit - physical;
        }

        if (!ByteWindow.TryOpen(physical, room, out ByteWindow text))
        {
            return BootStatus.Unreachable;
        }

        Copy(text, information);
        return BootStatus.Ok;
    }
}
