using System;
using System.Collections.Generic;
using System.Globalization;

namespace VirtioGuest.Build.Guest;

/// <summary>The file that a guest is booted from, and with it the boot protocol.</summary>
internal enum Door
{
    /// <summary>The CD image: GRUB, Multiboot2.</summary>
    Iso,

    /// <summary>The ELF file: <c>qemu -kernel</c>, PVH.</summary>
    Elf,

    /// <summary>The bzImage: <c>qemu -kernel</c>, the Linux/x86 boot protocol.</summary>
    BzImage,

    /// <summary>The CD image of the Cosmos kernel: Multiboot2, on the machine type that Cosmos can boot on.</summary>
    Cosmos,
}

/// <summary>The machine that a guest runs in.</summary>
internal sealed record GuestOptions
{
    public Door Door { get; init; } = Door.Iso;

    /// <summary>UEFI firmware instead of BIOS; for <see cref="Door.Iso"/> only.</summary>
    public bool IsUefi { get; init; }

    /// <summary>QEMU's accelerator: <c>tcg</c> or <c>kvm</c>.</summary>
    public string Accelerator { get; init; } = "tcg";

    public int MemoryMegabytes { get; init; } = 256;

    /// <summary>The disk's image: QCOW2 if its name ends in <c>.qcow2</c>, else raw.</summary>
    public required string Disk { get; init; }

    /// <summary>Whether QEMU waits for a debugger at port 1234 before the first instruction.</summary>
    public bool WaitsForDebugger { get; init; }

    /// <summary>
    /// Whether the serial line shares the terminal with QEMU's monitor (Ctrl+A C); if not, it is plain output.
    /// </summary>
    public bool IsInteractive { get; init; }

    /// <summary>Passed to QEMU unchanged, after all other arguments.</summary>
    public IReadOnlyList<string> Additional { get; init; } = [];
}

/// <summary>QEMU's command line for <see cref="GuestOptions"/>.</summary>
internal static class QemuCommand
{
    public const string Program = "qemu-system-x86_64";

    private const string UefiFirmware = "/usr/share/ovmf/OVMF.fd";

    public static IReadOnlyList<string> Arguments(Workspace workspace, GuestOptions options)
    {
        List<string> arguments =
        [
            "-accel", options.Accelerator,
            "-machine", options.Door == Door.Cosmos ? "pc" : "q35",
            "-cpu", "max",
            "-m", options.MemoryMegabytes.ToString(CultureInfo.InvariantCulture),
            "-display", "none",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
        ];
        arguments.AddRange(options.IsInteractive ? ["-serial", "mon:stdio"] : ["-serial", "stdio", "-monitor", "none"]);
        arguments.AddRange(options.Door switch
        {
            Door.Elf => ["-kernel", workspace.Elf],
            Door.BzImage => ["-kernel", workspace.BzImage],
            Door.Cosmos => ["-cdrom", workspace.CosmosIso, "-boot", "order=d"],
            _ => ["-cdrom", workspace.Iso, "-boot", "order=d"],
        });
        if (options.IsUefi)
        {
            arguments.AddRange(["-bios", UefiFirmware]);
        }

        // Without the card's boot ROM: it slows every start down, and nothing boots from the network.
        arguments.AddRange(
        [
            "-netdev", "user,id=net0",
            "-device", "virtio-net-pci,netdev=net0,packed=on,romfile=",
            "-drive", $"if=none,id=disk0,format={FormatOf(options.Disk)},file={Escape(options.Disk)}",
            "-device", "virtio-blk-pci,drive=disk0,packed=on",
        ]);
        if (options.WaitsForDebugger)
        {
            arguments.AddRange(["-s", "-S"]);
        }

        arguments.AddRange(options.Additional);
        return arguments;
    }

    private static string FormatOf(string disk) => disk.EndsWith(".qcow2", StringComparison.Ordinal) ? "qcow2" : "raw";

    // A comma ends a value in QEMU's lists, unless it is doubled.
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
