using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using VirtioGuest.Build.Guest;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>
/// What a read of 4 KB costs in instructions, with a disk that does nothing: the shell's <c>blk D bench</c> in a
/// guest whose timestamp counter counts instructions.
/// </summary>
internal sealed class BlockReads : Benchmark
{
    private const int Reads = 20_000;

    /// <summary>The sample disk is disk 0; these come behind it.</summary>
    private static readonly (int Disk, string Format)[] s_disks = [(1, "packed"), (2, "split")];

    private static readonly int[] s_depths = [32, 1];

    /// <summary>What a line of the command begins with, and what that is called in bench.json.</summary>
    private static readonly (string Label, string Name, string Unit, string Method)[] s_lines =
    [
        ("driver: ", "driver_instructions", "instructions", "between the driver's entry points and their ends"),
        ("guest: ", "guest_instructions", "instructions", "all but the idle thread; the benchmark itself is in it"),
        ("notifications: ", "notifications_per_read", "per read", "counted by the driver"),
        ("interrupts: ", "interrupts_per_read", "per read", "counted by LibOS"),
    ];

    public override string Title => "blk.read4k";

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        (int Disk, string Format, int Depth)[] runs =
        [
            .. s_disks.SelectMany(disk => s_depths.Select(depth => (disk.Disk, disk.Format, depth))),
        ];
        string script = string.Join("; ", runs.Select(run => $"blk {run.Disk} bench {run.Depth} {Reads}"));
        GuestOptions options = new()
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
        BenchmarkGuest.RunUntil(workspace, options, line =>
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
            $"blk.read4k.{run.Format}.qd{run.Depth}.{wanted.Name}",
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
            : throw new BuildFailure($"the guest's benchmark says '{line}' where '{label}' is expected");
    }
}
