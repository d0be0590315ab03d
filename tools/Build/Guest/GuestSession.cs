using System;
using System.IO;
using System.Text;

namespace VirtioGuest.Build.Guest;

/// <summary>Runs a guest on the user's terminal.</summary>
internal static class GuestSession
{
    // When isa-debug-exit receives VALUE, QEMU exits with status 2 * VALUE + 1. The guest writes 0x10 or 0x11.
    private const int Succeeded = 33;
    private const int Failed = 35;

    private const long SampleDiskSize = 64L << 20;
    private const string SampleDiskText = "This is the sample disk of VirtioGuest. Write to it as you like.\n";

    /// <summary>Boots a guest that has been built and waits for its end.</summary>
    /// <returns>
    /// 0 if the guest was switched off or all its commands succeeded, else 1 or QEMU's own status.
    /// </returns>
    public static int Run(Workspace workspace, GuestOptions options)
    {
        if (options.Disk == workspace.SampleDisk)
        {
            EnsureSampleDisk(workspace);
        }
        else if (!File.Exists(options.Disk))
        {
            throw new BuildFailure($"there is no disk image {options.Disk}");
        }

        if (options.WaitsForDebugger)
        {
            ExplainDebugger(workspace);
        }
        else if (options.IsInteractive)
        {
            Console.WriteLine("Starting QEMU: type 'help' at the prompt; 'exit' ends the guest, Ctrl+A X ends QEMU.");
        }

        int status = ExternalProgram.RunInteractively(QemuCommand.Program, QemuCommand.Arguments(workspace, options));
        return status switch
        {
            Succeeded => 0,
            Failed => 1,
            _ => status,
        };
    }

    /// <summary>Makes the sample disk if it is missing. It is kept, and so is what guests write to it.</summary>
    public static void EnsureSampleDisk(Workspace workspace)
    {
        if (File.Exists(workspace.SampleDisk))
        {
            return;
        }

        using FileStream file = File.Create(workspace.SampleDisk);
        file.SetLength(SampleDiskSize);
        file.Write(Encoding.ASCII.GetBytes(SampleDiskText));
    }

    private static void ExplainDebugger(Workspace workspace)
    {
        string elf = Path.GetRelativePath(Environment.CurrentDirectory, workspace.Elf);
        Console.WriteLine(
            $"""
            QEMU waits for a debugger. In another terminal:

              gdb {elf} -ex 'set substitute-path /_ .' -ex 'target remote :1234' -ex 'hbreak libos_main' -ex continue

            Until the kernel is loaded, use hardware breakpoints (hbreak): the loader overwrites what break writes into
            memory before that. libos_main is LibOS' first C# method, main the first of the .NET runtime, and
            VirtioGuest_Kernel_... are the program's own ('info functions VirtioGuest').
            """);
    }
}
