using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using VirtioGuest.Build.Guest;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>Boots a guest, with the sample disk left as it is, and reads what it prints on its serial line.</summary>
internal abstract class GuestBenchmark : Benchmark
{
    /// <summary>How long a guest may take; UEFI under TCG on a busy machine is the slowest.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    /// <summary>Runs a guest until a line on its serial line satisfies the condition, then ends QEMU.</summary>
    /// <returns>The line, and the time from QEMU's start until its last character arrived.</returns>
    protected static (string Line, TimeSpan Elapsed) RunUntil(
        Workspace workspace, GuestOptions options, Func<string, bool> found) => GuestOutput.ReadUntil(
            QemuCommand.Program, [.. QemuCommand.Arguments(workspace, options), "-snapshot"], s_limit, found);
}

/// <summary>How long it takes from the start of QEMU to the first line that managed code of the guest writes.</summary>
internal sealed class StartTime : GuestBenchmark
{
    private const int Runs = 5;

    private readonly Door _door;
    private readonly bool _isUefi;

    public StartTime(string name, Door door, bool isUefi)
    {
        Name = name;
        _door = door;
        _isUefi = isUefi;
    }

    public override string Name { get; }

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        var options = new GuestOptions { Door = _door, IsUefi = _isUefi, Disk = workspace.SampleDisk };
        double[] seconds =
        [
            .. Enumerable.Range(0, Runs)
                .Select(_ => RunUntil(workspace, options, IsFirstLine).Elapsed.TotalSeconds)
                .Order(),
        ];
        yield return new Measurement(
            Name,
            seconds[Runs / 2],
            "s",
            "QEMU start to the guest's first line on the serial console:"
            + $" q35, tcg, {options.MemoryMegabytes} MB, one disk, one network card;"
            + $" median of {Runs}, {seconds[0]:F3} to {seconds[^1]:F3}");
    }

    private static bool IsFirstLine(string line) => line.Contains("VirtioGuest ", StringComparison.Ordinal)
        && line.Contains(" on .NET ", StringComparison.Ordinal);
}

/// <summary>
/// How much RAM is in use when the shell has started: kernel image, tables, .NET heap, stacks and device memory.
/// </summary>
internal sealed class MemoryAtShell : GuestBenchmark
{
    private const string Label = "used:";

    public override string Name => "memory.at_shell";

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        var options = new GuestOptions
        {
            Door = Door.Elf,
            Disk = workspace.SampleDisk,
            Additional = ["-fw_cfg", "name=opt/virtioguest/run,string=mem"],
        };
        string line = RunUntil(
            workspace, options, text => text.StartsWith(Label, StringComparison.Ordinal) && BytesIn(text) > 0).Line;
        yield return new Measurement(
            Name,
            BytesIn(line) / 1e6,
            "MB",
            "'used' of the shell's command mem, run as the first command, in 10^6 bytes;"
            + $" {options.MemoryMegabytes} MB of RAM, one disk, one network card");
    }

    private static ulong BytesIn(string line)
    {
        string[] words = line[Label.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string first = words.Length > 0 ? words[0] : string.Empty;
        return ulong.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out ulong bytes) ? bytes : 0;
    }
}

/// <summary>
/// How many instructions a 4 KB read costs on a disk that does nothing: the shell's <c>blk D bench</c> in a guest
/// whose timestamp counter counts instructions.
/// </summary>
internal sealed class BlockReads : GuestBenchmark
{
    private const int Reads = 20_000;

    /// <summary>The sample disk is disk 0; these follow it.</summary>
    private static readonly (int Disk, string Format)[] s_disks = [(1, "packed"), (2, "split")];

    private static readonly int[] s_depths = [32, 1];

    /// <summary>What a line of the command's output begins with, and what its value is called in bench.json.</summary>
    private static readonly (string Label, string Name, string Unit, string Method)[] s_lines =
    [
        ("driver: ", "driver_instructions", "instructions", "between the driver's entry points and their ends"),
        ("guest: ", "guest_instructions", "instructions", "all but the idle thread; the benchmark itself is in it"),
        ("notifications: ", "notifications_per_read", "per read", "counted by the driver"),
        ("interrupts: ", "interrupts_per_read", "per read", "counted by LibOS"),
    ];

    public override string Name => "blk.read4k";

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        (int Disk, string Format, int Depth)[] runs =
        [
            .. s_disks.SelectMany(disk => s_depths.Select(depth => (disk.Disk, disk.Format, depth))),
        ];
        string script = string.Join("; ", runs.Select(run => $"blk {run.Disk} bench {run.Depth} {Reads}"));
        var options = new GuestOptions
        {
            Door = Door.Elf,
            Disk = workspace.SampleDisk,
            Additional =
            [
                "-icount", "shift=0,sleep=off",
                .. s_disks.SelectMany(disk => NullDisk(disk.Format)),
                "-fw_cfg", $"name=opt/virtioguest/run,string={script}",
            ],
        };
        List<string> values = [];
        RunUntil(workspace, options, line =>
        {
            if (line.StartsWith("error: ", StringComparison.Ordinal))
            {
                throw new BuildFailure($"the guest's benchmark failed: {line}");
            }

            if (s_lines.Any(wanted => line.StartsWith(wanted.Label, StringComparison.Ordinal)))
            {
                values.Add(line);
            }

            return values.Count == runs.Length * s_lines.Length;
        });
        return runs.SelectMany((run, index) => s_lines.Select((wanted, place) => new Measurement(
            $"{Name}.{run.Format}.qd{run.Depth}.{wanted.Name}",
            ValueIn(values[(index * s_lines.Length) + place], wanted.Label),
            wanted.Unit,
            $"{wanted.Method}; mean of {Reads} reads at random places, {run.Depth} in flight; q35, tcg, one processor,"
            + $" -icount shift=0,sleep=off, null-co, {run.Format} ring"))).ToList();
    }

    private static string[] NullDisk(string format) =>
    [
        "-blockdev", $"driver=null-co,node-name={format},size={1 << 30},read-zeroes=off",
        "-device", $"virtio-blk-pci,drive={format},disable-legacy=on,packed={(format == "packed" ? "on" : "off")}",
    ];

    private static double ValueIn(string line, string label)
    {
        string number = line[label.Length..].Split(' ')[0];
        return line.StartsWith(label, StringComparison.Ordinal)
            && double.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double value)
            ? value
            : throw new BuildFailure($"the guest's benchmark printed '{line}' where '{label}' was expected");
    }
}
