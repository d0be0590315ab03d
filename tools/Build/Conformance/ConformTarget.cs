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

    /// <summary>QEMU's exit status after our guest has told its exit device of a success.</summary>
    private const int GuestSuccess = 0x21;

    /// <summary>What Linux does with its disk, its card and its source of entropy; see init.c.</summary>
    private const string LinuxJobs = "one:disk:write:4096:1:100:0 many:disk:randwrite:65536:32:640:0 "
        + "back:disk:randread:4096:32:640:0 all:manage out:net:tx:1400:32:640:0:10.0.2 some:entropy:512";

    private const string UefiFirmware = "/usr/share/ovmf/OVMF.fd";
    private const string NetworkBoot = "/usr/lib/ipxe/qemu/pxe-virtio.rom";

    private static readonly ConformForm s_packed = new("packed", "q35", IsPacked: true);
    private static readonly ConformForm s_packedMmio = new("packed-mmio", ConformForm.Microvm, IsPacked: true);
    private static readonly ConformForm s_servedPacked = new("packed-rings", "q35", IsPacked: true, IsServed: true);
    private static readonly ConformForm s_split = new("split", "q35", IsPacked: false);
    private static readonly ConformForm s_splitMmio = new("split-mmio", ConformForm.Microvm, IsPacked: false);
    private static readonly ConformForm s_servedSplit = new("split-rings", "q35", IsPacked: false, IsServed: true);
    private static readonly ConformForm s_pc = new("split", "pc", IsPacked: false);
    private static readonly ConformForm s_pcServed = new("split-rings", "pc", IsPacked: false, IsServed: true);
    private static readonly ConformForm[] s_all = [s_packed, s_split, s_servedPacked, s_servedSplit];

    /// <summary>All of them, in the order of the help text.</summary>
    public static readonly IReadOnlyList<ConformTarget> All =
    [
        new("ours", "the drivers of this project: over its models, and in QEMU with packed rings")
        {
            OwnRings = "all", IsGuest = true, IsOurs = true, Forms = [s_packed, s_packedMmio, s_servedPacked],
        },
        new("ours-split", "the same with split rings only")
        {
            OwnRings = "split", IsGuest = true, IsOurs = true, Forms = [s_split, s_splitMmio, s_servedSplit],
        },
        new("iso", "whatever boots from the CD image FILE") { IsGuest = true, TakesFile = true, Forms = s_all },
        new("kernel", "the kernel FILE, with --initrd and --append")
        {
            IsGuest = true, TakesFile = true, Forms = s_all,
        },
        new("linux", "Debian's Linux") { IsGuest = true, Forms = s_all },
        new("seabios", "QEMU's BIOS, which boots from a virtio disk") { Forms = [s_pc, s_pcServed] },
        new("ovmf", "QEMU's UEFI firmware")
        {
            Forms = [s_split, s_servedSplit], Needs = UefiFirmware, Package = "ovmf",
        },
        new("ipxe", "QEMU's boot ROM of virtio network cards")
        {
            Forms = [s_pc, s_pcServed], Needs = NetworkBoot, Package = "ipxe-qemu",
        },
        new("cosmos", "the drivers of this project in the Cosmos kernel") { IsGuest = true, Forms = [s_pc] },
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
    public required IReadOnlyList<ConformForm> Forms { get; init; }

    /// <summary>A file that has to be there; null for none.</summary>
    public string? Needs { get; init; }

    /// <summary>The package that it comes with.</summary>
    public string Package { get; init; } = string.Empty;

    /// <summary>What QEMU is started with, but for the trace.</summary>
    /// <param name="workspace">Where things are.</param>
    /// <param name="options">What the user asked for.</param>
    /// <param name="form">The machine.</param>
    /// <param name="disk">The image of the disk.</param>
    /// <param name="sockets">The folder of the sockets of served devices.</param>
    public IReadOnlyList<string> Arguments(
        Workspace workspace, ConformOptions options, ConformForm form, string disk, string sockets)
    {
        List<string> arguments = [.. form.MachineArguments()];
        arguments.AddRange(Name == "ipxe"
            ? ["-boot", "order=n,reboot-timeout=1"]
            : form.Disk(disk, sockets));
        if (Name != "seabios")
        {
            string rom = Name == "ipxe" || form.IsMmio ? string.Empty : ",romfile=";
            arguments.AddRange(form.Card(rom, sockets));
        }

        if (Name is not ("seabios" or "ipxe"))
        {
            arguments.AddRange(form.Entropy(sockets));
        }

        arguments.AddRange(Boot(workspace, options, form.IsMmio));
        return arguments;
    }

    /// <summary>What is judged, with its version; empty where that is this project, or not known.</summary>
    public string VersionOf(Workspace workspace) => Name switch
    {
        "linux" => Path.GetFileNameWithoutExtension(LinuxGuest.FindPackage(workspace)),
        "seabios" => VersionOfPackage("seabios"),
        _ when Package.Length != 0 => VersionOfPackage(Package),
        _ => string.Empty,
    };

    private static string VersionOfPackage(string package) =>
        ExternalProgram.Run("dpkg-query", ["--show", "--showformat", "${Package} ${Version}", package]).Trim();

    /// <summary>Whether a guest that says how it ended says that it did not do its work.</summary>
    /// <param name="status">QEMU's exit status; null where it was ended.</param>
    /// <param name="output">What the guest wrote to the serial line.</param>
    public bool HasFailed(int? status, string output) =>
        (IsOurs && status != GuestSuccess)
        || (Name == "linux" && (status is null || output.Contains("error: ", StringComparison.Ordinal)));

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
                const string Script = "lsvirtio; blk 0 fill 64 64 1; blk 0 verify 64 64 1; blk 0 flush; "
                    + "net 0 dhcp; net 0 ping 10.0.2.1 3; rng 0 read 64; exit";
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
                return LinuxGuest.Prepare(workspace).Boot(LinuxJobs);
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
/// <param name="Odd">What served devices do that few devices do; null for nothing.</param>
/// <param name="IsRecorded">Whether the run is kept in docs/conformance.</param>
internal sealed record ConformOptions(
    string Driver, string? File, string? InitialRamDisk, string? Append, int Seconds, string? Odd, bool IsRecorded);
