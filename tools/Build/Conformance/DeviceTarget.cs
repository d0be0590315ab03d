using System;
using System.Collections.Generic;

namespace VirtioGuest.Build.Conformance;

/// <summary>Devices that are judged, from within our guest or in the judge's own process.</summary>
/// <param name="Name">What they are called on the command line, and in verdicts.</param>
/// <param name="Description">What they are, for people.</param>
internal sealed record DeviceTarget(string Name, string Description)
{
    private static readonly ConformForm s_packed = new("packed", "q35", IsPacked: true);
    private static readonly ConformForm s_split = new("split", "pc", IsPacked: false);
    private static readonly ConformForm s_mmio = new("mmio", ConformForm.Microvm, IsPacked: true);
    private static readonly ConformForm s_served = new("served", "q35", IsPacked: true, IsServed: true);

    /// <summary>All of them, in the order of the help text.</summary>
    public static readonly IReadOnlyList<DeviceTarget> All =
    [
        new("models", "this project's models: in the judge's process, and served to QEMU")
        {
            Models = "ours", Forms = [s_served],
        },
        new("qemu", "QEMU's own, on pc, q35 and microvm") { Forms = [s_packed, s_split, s_mmio] },
        new("kvm-host", "those of kvm-host, as far as there are models of them") { Models = "kvm-host", Forms = [] },
        new("custom", "whatever --qemu says") { Forms = [s_split], IsCustom = true },
    ];

    /// <summary>The models that are judged in the judge's process; null for none.</summary>
    public string? Models { get; init; }

    /// <summary>The machines that our guest judges devices on.</summary>
    public required IReadOnlyList<ConformForm> Forms { get; init; }

    /// <summary>Whether the user says what devices there are.</summary>
    public bool IsCustom { get; init; }

    /// <summary>What QEMU is started with.</summary>
    /// <param name="workspace">Where things are.</param>
    /// <param name="options">What the user asked for.</param>
    /// <param name="form">The machine.</param>
    /// <param name="disk">The image of the disk.</param>
    /// <param name="sockets">The folder of the sockets of served devices.</param>
    public IReadOnlyList<string> Arguments(
        Workspace workspace, DeviceOptions options, ConformForm form, string disk, string sockets)
    {
        string script = $"conform --list; conform {options.Tests}; exit";
        List<string> arguments = [.. form.MachineArguments()];
        arguments.AddRange(form.IsMmio
            ? ["-kernel", workspace.Elf]
            : ["-cdrom", workspace.Iso, "-boot", "order=d"]);
        arguments.AddRange(["-fw_cfg", $"name=opt/virtioguest/run,string={script}"]);
        if (IsCustom)
        {
            arguments.AddRange(options.Qemu.Split(' ', StringSplitOptions.RemoveEmptyEntries));
            return arguments;
        }

        arguments.AddRange(form.Disk(disk, sockets));
        arguments.AddRange(form.Card(form.IsMmio ? string.Empty : ",romfile=", sockets));
        arguments.AddRange(form.Entropy(sockets));
        return arguments;
    }
}

/// <summary>What the user asked for.</summary>
/// <param name="Device">The target's name.</param>
/// <param name="Tests">What <c>conform</c> is told in the guest: <c>all --destructive</c>.</param>
/// <param name="Qemu">What else QEMU is started with, for a target that needs it.</param>
/// <param name="Seconds">How long QEMU may run.</param>
/// <param name="IsRecorded">Whether the run is kept in docs/conformance.</param>
internal sealed record DeviceOptions(string Device, string Tests, string Qemu, int Seconds, bool IsRecorded);
