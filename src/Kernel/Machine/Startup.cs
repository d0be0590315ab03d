using System;
using System.Text;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>How the machine was started.</summary>
internal static unsafe class Startup
{
    /// <summary>What the boot code found.</summary>
    public static BootInfo Information
    {
        get
        {
            BootInfo info;
            LibOsError.ThrowIfError(LibOsCalls.GetBootInfo(&info), "libos_boot_info");
            return info;
        }
    }

    /// <summary>The kernel command line.</summary>
    public static string CommandLine
    {
        get
        {
            long length = LibOsCalls.GetCommandLine(null, 0);
            LibOsError.ThrowIfError(length, "libos_command_line");
            var text = new byte[length];
            fixed (byte* start = text)
            {
                length = LibOsCalls.GetCommandLine(start, (ulong)text.Length);
            }

            LibOsError.ThrowIfError(length, "libos_command_line");
            return Encoding.ASCII.GetString(text, 0, (int)Math.Min(length, text.Length));
        }
    }

    /// <summary>The name of the door that the kernel came through.</summary>
    public static string DoorName(BootDoor door) => door switch
    {
        BootDoor.Multiboot2 => "multiboot2",
        BootDoor.Pvh => "pvh",
        BootDoor.Linux => "linux",
        _ => "an unknown loader",
    };
}
