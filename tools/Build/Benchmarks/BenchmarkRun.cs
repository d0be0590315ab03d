using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using Spectre.Console;
using VirtioGuest.Build.Guest;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>Runs all benchmarks.</summary>
internal static class BenchmarkRun
{
    /// <summary>From here on thousandths say nothing.</summary>
    private const double LargeValue = 100_000;

    private static readonly JsonSerializerOptions s_format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private static readonly Benchmark[] s_benchmarks =
    [
        new StartTime("boot.iso.bios.first_line", Door.Iso, isUefi: false),
        new StartTime("boot.iso.uefi.first_line", Door.Iso, isUefi: true),
        new StartTime("boot.elf.first_line", Door.Elf, isUefi: false),
        new StartTime("boot.bzimage.first_line", Door.BzImage, isUefi: false),
        new ImageSize(),
        new MemoryAtShell(),
        new BlockReads(),
        new RingThroughput(),
    ];

    /// <summary>Builds what has changed, measures, prints a table and writes bench.json.</summary>
    /// <param name="workspace">Where everything is.</param>
    /// <param name="filter">
    /// Only benchmarks whose name has this in it are run, and bench.json is left as it is; null for all.
    /// </param>
    public static void Run(Workspace workspace, string? filter)
    {
        Benchmark[] chosen =
        [
            .. s_benchmarks.Where(one => filter is null || one.Title.Contains(filter, StringComparison.Ordinal)),
        ];
        if (chosen.Length == 0)
        {
            throw new BuildFailure(
                $"no benchmark has '{filter}' in its name: {string.Join(", ", s_benchmarks.Select(one => one.Title))}");
        }

        if (chosen.Any(benchmark => benchmark.NeedsImages))
        {
            ImageBuild.Run(workspace);
            SampleDisk.Ensure(workspace.SampleDisk);
        }

        Progress progress = new();
        List<Measurement> measurements = [];
        foreach (Benchmark benchmark in chosen)
        {
            measurements.AddRange(progress.Step(benchmark.Title, () => benchmark.Measure(workspace).ToList()));
        }

        Print(measurements);
        if (filter is null)
        {
            string results = JsonSerializer.Serialize(measurements, s_format) + "\n";
            File.WriteAllText(workspace.BenchmarkResults, results);
        }
    }

    private static void Print(List<Measurement> measurements)
    {
        Table table = new Table()
            .AddColumn("name")
            .AddColumn(new TableColumn("value").RightAligned())
            .AddColumn("unit");
        if (Console.IsOutputRedirected)
        {
            table.Border(TableBorder.Ascii);
        }

        foreach (Measurement measurement in measurements)
        {
            table.AddRow(measurement.Name, Text(measurement.Value), measurement.Unit);
        }

        AnsiConsole.Write(table);
    }

    private static string Text(double value) =>
        value.ToString(value < LargeValue ? "F3" : "F0", CultureInfo.InvariantCulture);
}
