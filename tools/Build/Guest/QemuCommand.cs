using System;
using System.Collections.Generic;
using System.Globalization;

namespace VirtioGuest.Build.Guest;

/// <summary>Puts <see cref="GuestOptions"/> into QEMU's words.</summary>
internal static class QemuCommand
{
    public const string Program = "qemu-system-x86_64";

    private const string UefiFirmware = "/usr/share/ovmf/OVMF.fd";

    /// <summary>The arguments of <see cref="Program"/>.</summary>
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

        // The cards' own boot code is left out: it costs time at every start and nothing boots from the network.
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

    /// <summary>A comma ends a value in QEMU's lists; doubled it stands for itself.</summary>
    private static string Escape(string value) => value.Replace(",", ",,", StringComparison.Ordinal);
}
