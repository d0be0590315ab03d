using System;
using System.Collections.Generic;
using System.IO;
using VirtioGuest.Build.Benchmarks.Linux;

namespace VirtioGuest.Build.Conformance;

/// <summary>A driver that is judged: how it is got to run, and what of its trace is its own.</summary>
/// <param name="Name">What it is called on the command line.</param>
/// <param name="Description">What it is, for people.</param>
internal sealed record ConformTarget(string Name, string Description)
{
    private const string Trace = "memory_region_ops_read memory_region_ops_write pci_cfg_read pci_cfg_write";
    private const string Microvm = "microvm";
    private const string UefiFirmware = "/usr/share/ovmf/OVMF.fd";
    private const string NetworkBoot = "/usr/lib/ipxe/qemu/pxe-virtio.rom";

    /// <summary>All of them, in the order of the help text.</summary>
    public static readonly IReadOnlyList<ConformTarget> All =
    [
        new("ours", "the drivers of this project: over its models, and in QEMU with packed rings")
        {
            OwnRings = "all", IsGuest = true, IsOurs = true, Machines = ["q35", Microvm],
        },
        new("ours-split", "the same with split rings only")
        {
            OwnRings = "split", IsGuest = true, IsOurs = true, Machines = ["q35", Microvm],
        },
        new("iso", "whatever boots from the CD image FILE") { IsGuest = true, TakesFile = true },
        new("kernel", "the kernel FILE, with --initrd and --append") { IsGuest = true, TakesFile = true },
        new("linux", "Debian's Linux") { IsGuest = true },
        new("seabios", "QEMU's BIOS, which boots from a virtio disk") { Machines = ["pc"] },
        new("ovmf", "QEMU's UEFI firmware") { Needs = UefiFirmware, Package = "ovmf" },
        new("ipxe", "QEMU's boot ROM of virtio network cards")
        {
            Machines = ["pc"], Needs = NetworkBoot, Package = "ipxe-qemu",
        },
        new("cosmos", "the drivers of this project in the Cosmos kernel") { IsGuest = true, Machines = ["pc"] },
    ];

    /// <summary>With which rings our own drivers run over the models; null for no such run.</summary>
    public string? OwnRings { get; init; }

    /// <summary>Whether firmware uses the devices before it: then only the last driver counts.</summary>
    public bool IsGuest { get; init; }

    /// <summary>Whether it takes a file.</summary>
    public bool TakesFile { get; init; }

    /// <summary>Whether it is our kernel, which has to be built, and which says how it ended.</summary>
    public bool IsOurs { get; init; }

    /// <summary>The machines that it runs on, one after another.</summary>
    public IReadOnlyList<string> Machines { get; init; } = ["q35"];

    /// <summary>A file that has to be there; null for none.</summary>
    public string? Needs { get; init; }

    /// <summary>The package that it comes with.</summary>
    public string Package { get; init; } = string.Empty;

    /// <summary>What QEMU is started with, but for the trace.</summary>
    public IReadOnlyList<string> Arguments(
        Workspace workspace, ConformOptions options, string machine, string disk)
    {
        bool isMmio = machine == Microvm;
        string bus = isMmio ? "device" : "pci";
        string properties = (isMmio ? string.Empty : ",disable-legacy=on")
            + (Name == "ours" ? ",packed=on" : string.Empty);
        List<string> arguments =
        [
            "-accel", "tcg",
            "-machine", isMmio ? "microvm,acpi=off" : machine,
            "-cpu", "max",
            "-m", "512",
            "-display", "none",
            "-serial", "stdio",
            "-monitor", "none",
            "-no-reboot",
            "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
            "-nic", "none",
        ];
        arguments.AddRange(isMmio ? ["-global", "virtio-mmio.force-legacy=false"] : []);
        if (Name == "ipxe")
        {
            arguments.AddRange(["-boot", "order=n,reboot-timeout=1"]);
        }
        else
        {
            arguments.AddRange(
            [
                "-drive", $"if=none,id=disk0,format=raw,file={disk.Replace(",", ",,", StringComparison.Ordinal)}",
                "-device", $"virtio-blk-{bus},drive=disk0{properties}",
            ]);
        }

        if (Name != "seabios")
        {
            string rom = Name == "ipxe" || isMmio ? string.Empty : ",romfile=";
            arguments.AddRange(
            [
                "-netdev", "user,id=net0",
                "-device", $"virtio-net-{bus},netdev=net0{properties}{rom}",
                "-device", $"virtio-rng-{bus}{properties}",
            ]);
        }

        arguments.AddRange(Boot(workspace, options, isMmio));
        return arguments;
    }

    /// <summary>What has QEMU write its trace to a file.</summary>
    public static IEnumerable<string> Tracing(string file)
    {
        foreach (string each in Trace.Split(' '))
        {
            yield return "-trace";
            yield return each;
        }

        yield return "-D";
        yield return file;
    }

    private IEnumerable<string> Boot(Workspace workspace, ConformOptions options, bool isMmio)
    {
        switch (Name)
        {
            case "ours" or "ours-split":
                const string Script =
                    "lsvirtio; blk 0 fill 64 64 1; blk 0 verify 64 64 1; blk 0 flush; net 0 status; exit";
                string[] door = isMmio ? ["-kernel", workspace.Elf] : ["-cdrom", workspace.Iso, "-boot", "order=d"];
                return [.. door, "-fw_cfg", $"name=opt/virtioguest/run,string={Script}"];
            case "cosmos":
                return ["-cdrom", workspace.CosmosIso, "-boot", "order=d"];
            case "iso":
                return ["-cdrom", options.File!, "-boot", "order=d"];
            case "kernel":
                List<string> arguments = ["-kernel", options.File!];
                arguments.AddRange(options.InitialRamDisk is { } disk ? ["-initrd", disk] : []);
                arguments.AddRange(options.Append is { } append ? ["-append", append] : []);
                return arguments;
            case "linux":
                return LinuxGuest.Prepare(workspace).Boot(Workload.All[0]);
            case "ovmf":
                return ["-bios", UefiFirmware];
            default:
                return [];
        }
    }
}

/// <summary>What the user asked for.</summary>
/// <param name="Driver">The target's name.</param>
/// <param name="File">The guest's file; null for none.</param>
/// <param name="InitialRamDisk">The kernel's initramfs; null for none.</param>
/// <param name="Append">The kernel's command line; null for none.</param>
/// <param name="Seconds">How long QEMU may run.</param>
internal sealed record ConformOptions(
    string Driver, string? File, string? InitialRamDisk, string? Append, int Seconds);
