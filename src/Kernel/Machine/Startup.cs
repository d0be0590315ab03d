using System;
using System.Collections.Generic;
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

    /// <summary>Where the firmware says that PCI configuration space is in memory.</summary>
    public static IReadOnlyList<ConfigurationWindow> ConfigurationWindows
    {
        get
        {
            var windows = new List<ConfigurationWindow>();
            ConfigurationWindow window;
            long result;
            while ((result = LibOsCalls.GetConfigurationWindow((ulong)windows.Count, &window)) != LibOsError.NoEntry)
            {
                LibOsError.ThrowIfError(result, "libos_configuration_window");
                windows.Add(window);
            }

            return windows;
        }
    }

    /// <summary>What the machine lacks and how the kernel does without, a line each.</summary>
    public static IEnumerable<string> DescribeMissing(MissingParts missing)
    {
        if ((missing & MissingParts.LineInterrupts) != 0)
        {
            yield return "no interrupt controller for lines: devices on lines, serial port and keyboard are polled";
        }

        if ((missing & MissingParts.TimerInterrupt) != 0)
        {
            yield return "no timer that interrupts: the processor never rests";
        }

        if ((missing & MissingParts.TimeReference) != 0)
        {
            yield return "no timer to measure the processor's clock with: times are wrong";
        }

        if ((missing & MissingParts.WallClock) != 0)
        {
            yield return "no clock with the date: it is taken for 1970-01-01";
        }
    }

    /// <summary>The firmware's ACPI tables.</summary>
    public static IReadOnlyList<AcpiTable> AcpiTables
    {
        get
        {
            var tables = new List<AcpiTable>();
            AcpiTable table;
            long result;
            while ((result = LibOsCalls.GetAcpiTable((ulong)tables.Count, &table)) != LibOsError.NoEntry)
            {
                LibOsError.ThrowIfError(result, "libos_acpi_table");
                tables.Add(table);
            }

            return tables;
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
