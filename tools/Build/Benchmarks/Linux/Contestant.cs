using System;
using System.Collections.Generic;
using VirtioGuest.Build.Guest;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>One of the two guests: what QEMU boots for it, and how its output is read.</summary>
internal abstract class Contestant
{
    private const string ErrorLabel = "error: ";

    /// <summary>How long one workload may take, the guest's start included.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    /// <summary>The guest's name, for people.</summary>
    public abstract string Name { get; }

    /// <summary>QEMU's arguments for both guests, besides what a workload and a guest add.</summary>
    public static IReadOnlyList<string> Machine { get; } =
    [
        "-accel", "tcg", "-machine", "q35", "-cpu", "max", "-m", "512", "-nodefaults", "-no-reboot",
        "-display", "none", "-serial", "stdio", "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
    ];

    /// <summary>QEMU's arguments where it counts instructions.</summary>
    public static IReadOnlyList<string> Counting { get; } = ["-icount", "shift=0,sleep=off"];

    /// <summary>Whether the guest has something that runs this workload.</summary>
    public abstract bool CanRun(Workload workload);

    /// <summary>QEMU's arguments for the guest's kernel, and for a workload that it can run.</summary>
    public abstract IReadOnlyList<string> Boot(Workload workload);

    /// <summary>Reads what the guest has printed.</summary>
    /// <param name="workload">What it was told to run.</param>
    /// <param name="lines">The lines of its serial console so far, at least one.</param>
    /// <returns>The result, or null if there is more to come.</returns>
    /// <exception cref="BuildFailure">The output is not understood.</exception>
    public abstract Sample? Read(Workload workload, IReadOnlyList<string> lines);

    /// <summary>Boots the guest, and runs one workload in it that it can run.</summary>
    /// <exception cref="BuildFailure">There is no result; the serial log is in the message.</exception>
    public virtual Sample Run(Workload workload)
    {
        using Wire? wire = workload.Connect();
        string[] counting = workload.Measure == Measure.Instructions ? [.. Counting] : [];
        return Run(
            workload,
            QemuCommand.Program,
            [.. Machine, .. counting, .. wire?.Devices ?? workload.Devices, .. Boot(workload)],
            s_limit);
    }

    /// <summary>The same with another program for QEMU.</summary>
    public Sample Run(Workload workload, string program, IReadOnlyList<string> arguments, TimeSpan limit)
    {
        List<string> lines = [];
        Sample? sample = null;
        try
        {
            GuestOutput.ReadUntil(program, arguments, limit, line =>
            {
                if (line.StartsWith(ErrorLabel, StringComparison.Ordinal))
                {
                    throw new BuildFailure($"the guest reports an error, '{line}'.");
                }

                lines.Add(line);
                sample = Read(workload, lines);
                return sample is not null;
            });
        }
        catch (BuildFailure e)
        {
            throw new BuildFailure($"{workload.Name} on {Name}: {e.Message}", e);
        }

        return sample!.Ring == "packed"
            ? sample
            : throw new BuildFailure($"{workload.Name} on {Name}: the ring is '{sample.Ring}', and should be packed");
    }
}

/// <summary>The guest of this project.</summary>
internal sealed class OwnGuest : Contestant
{
    private readonly string _kernel;

    public OwnGuest(Workspace workspace)
    {
        _kernel = workspace.Elf;
    }

    /// <inheritdoc/>
    public override string Name => "VirtioGuest";

    /// <inheritdoc/>
    public override bool CanRun(Workload workload) => workload.ShellCommand is not null;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Boot(Workload workload) =>
        ["-kernel", _kernel, "-append", $"run='{workload.ShellCommand}; exit'"];

    /// <inheritdoc/>
    public override Sample? Read(Workload workload, IReadOnlyList<string> lines) => workload.ReadShell(lines);
}
