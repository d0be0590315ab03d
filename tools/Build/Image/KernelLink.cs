using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>Links LibOS, the C library, the .NET runtime and the kernel program into one ELF file.</summary>
internal static class KernelLink
{
    // The symbols that each boot protocol enters the kernel at.
    public const string Multiboot2Entry = "libos_entry_multiboot2";
    public const string PvhEntry = "libos_entry_pvh";
    public const string LinuxEntry = "libos_entry_linux";

    /// <summary>Where the kernel is linked and loaded: at 16 MB, above what firmware and loaders use.</summary>
    public const ulong ImageBase = 0x1000000;

    private const string Musl = "/usr/lib/x86_64-linux-musl";

    private static readonly string[] s_runtimeLibraries =
    [
        "libRuntime.WorkstationGC.a",
        "libRuntime.VxsortDisabled.a",
        "libaotminipal.a",
        "libeventpipe-disabled.a",
        "libstandalonegc-disabled.a",
        "libstdc++compat.a",
    ];

    // Nothing is taken of the second and those behind it, on which it stands, unless a program compresses.
    private static readonly string[] s_frameworkLibraries =
    [
        "libSystem.Native.a",
        "libSystem.IO.Compression.Native.a",
        "libz.a",
        "libbrotlienc.a",
        "libbrotlidec.a",
        "libbrotlicommon.a",
    ];

    /// <summary>Functions of .NET's native library that the kernel's sockets come before (DescriptorCalls).</summary>
    private static readonly string[] s_wrapped =
    [
        "SystemNative_Close",
        "SystemNative_FcntlGetFD",
        "SystemNative_FcntlGetIsNonBlocking",
        "SystemNative_FcntlSetIsNonBlocking",
        "SystemNative_Poll",
        "SystemNative_Read",
        "SystemNative_Write",
    ];

    /// <param name="objects">The kernel program and the runtime's libraries.</param>
    /// <param name="libos">LibOS' object files, the boot assembly first.</param>
    /// <param name="script">Where the linker script goes.</param>
    /// <param name="target">The ELF file, with symbols.</param>
    public static void Link(KernelObjects objects, IEnumerable<string> libos, string script, string target)
    {
        // The runtime finds its modules by walking this section, to which nothing refers.
        File.WriteAllText(script, "OVERWRITE_SECTIONS { __modules : { KEEP(*(__modules)) } }\n");
        ExternalProgram.Run(
            "ld.lld",
            [
                "-static", "-nostdlib", "--gc-sections", "--eh-frame-hdr", "--fatal-warnings",
                "-z", "norelro", "-z", "separate-loadable-segments", "-z", "max-page-size=4096",
                $"--image-base=0x{ImageBase:x}", $"--entry={Multiboot2Entry}",
                $"--undefined={PvhEntry}", $"--undefined={LinuxEntry}",
                "--defsym=__strdup=strdup", "--defsym=__sched_cpufree=free", // as LibOS' GlibcNames.S says
                .. s_wrapped.Select(name => $"--wrap={name}"),
                "--script", script,
                "-o", target,
                .. libos,
                $"{Musl}/crt1.o", $"{Musl}/crti.o",
                objects.Kernel,
                Path.Combine(objects.Runtime, "libbootstrapper.o"),
                "--start-group",
                .. s_runtimeLibraries.Select(name => Path.Combine(objects.Runtime, name)),
                .. s_frameworkLibraries.Select(name => Path.Combine(objects.Framework, name)),
                $"{Musl}/libc.a",
                "--end-group",
                $"{Musl}/crtn.o",
            ]);
    }
}
