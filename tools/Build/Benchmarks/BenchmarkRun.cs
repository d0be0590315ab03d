using System;
using System.Collections.Generic;
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
    private static readonly JsonSerializerOptions s_format = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private static readonly Benchmark[] s_benchmarks =
    [
        new StartTime("boot.iso.bios.first_line", Door.Iso, isUefi: false),
        new StartTime("boot.iso.uefi.first_line", Door.Iso, isUefi: true),
        new StartTime("boot.elf.first_line", Door.Elf, isUefi: false),
        new StartTime("boot.bzimage.first_line", Door.BzImage, isUefi: false),
        new ImageSize(),
        new MemoryAtShell(),
    ];

    /// <summary>Builds what has changed, measures, prints a table and writes bench.json.</summary>
    public static void Run(Workspace workspace)
    {
        ImageBuild.Run(workspace);
        SampleDisk.Ensure(workspace.SampleDisk);
        Progress progress = new();
        List<Measurement> measurements = [];
        foreach (Benchmark benchmark in s_benchmarks)
        {
            measurements.AddRange(progress.Step(benchmark.Title, () => benchmark.Measure(workspace).ToList()));
        }

        Print(measurements);
        File.WriteAllText(workspace.BenchmarkResults, JsonSerializer.Serialize(measurements, s_format) + "\n");
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
            table.AddRow(measurement.Name, $"{measurement.Value:F3}", measurement.Unit);
        }

        AnsiConsole.Write(table);
    }
}
