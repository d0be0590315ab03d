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

/// <summary>Runs the benchmarks.</summary>
internal static class BenchmarkRun
{
    /// <summary>From here on, the decimals say nothing.</summary>
    private const double LargeValue = 100_000;

    /// <summary>How wide a table may be where there is no terminal to ask, in characters.</summary>
    private const int RedirectedWidth = 132;

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
    /// Runs only the benchmarks with this in their name, and leaves bench.json alone; null for all.
    /// </param>
    public static void Run(Workspace workspace, string? filter)
    {
        Benchmark[] chosen =
        [
            .. s_benchmarks.Where(one => filter is null || one.Name.Contains(filter, StringComparison.Ordinal)),
        ];
        if (chosen.Length == 0)
        {
            throw new BuildFailure(
                $"no benchmark has '{filter}' in its name: {string.Join(", ", s_benchmarks.Select(one => one.Name))}");
        }

        if (chosen.Any(benchmark => benchmark.NeedsImages))
        {
            ImageBuild.Run(workspace);
            GuestSession.EnsureSampleDisk(workspace);
        }

        List<Measurement> measurements = [];
        foreach (Benchmark benchmark in chosen)
        {
            measurements.AddRange(Progress.Step(benchmark.Name, () => benchmark.Measure(workspace).ToList()));
        }

        Print(measurements);
        if (filter is null)
        {
            string results = JsonSerializer.Serialize(measurements, s_format) + "\n";
            File.WriteAllText(workspace.BenchmarkResults, results);
        }
    }

    /// <summary>A table for the terminal, or for whatever its output was redirected to.</summary>
    public static Table NewTable()
    {
        if (!Console.IsOutputRedirected)
        {
            return new Table();
        }

        AnsiConsole.Profile.Width = RedirectedWidth;
        return new Table().Border(TableBorder.Ascii);
    }

    private static void Print(List<Measurement> measurements)
    {
        Table table = NewTable()
            .AddColumn("name")
            .AddColumn(new TableColumn("value").RightAligned())
            .AddColumn("unit");
        foreach (Measurement measurement in measurements)
        {
            table.AddRow(measurement.Name, Text(measurement.Value), measurement.Unit);
        }

        AnsiConsole.Write(table);
    }

    private static string Text(double value) =>
        value.ToString(value < LargeValue ? "F3" : "F0", CultureInfo.InvariantCulture);
}

/// <summary>Something that can be measured, in bounded time.</summary>
internal abstract class Benchmark
{
    /// <summary>What the names of its measurements begin with.</summary>
    public abstract string Name { get; }

    public virtual bool NeedsImages => true;

    public abstract IEnumerable<Measurement> Measure(Workspace workspace);
}

/// <summary>One number of bench.json.</summary>
/// <param name="Name">Words with dots between, the general ones first: <c>boot.iso.bios.first_line</c>.</param>
/// <param name="Value">The number.</param>
/// <param name="Unit">Its unit: <c>s</c>, <c>MB</c>, <c>1/s</c>.</param>
/// <param name="Method">How it was measured, for someone who wants to repeat it.</param>
internal sealed record Measurement(string Name, double Value, string Unit, string Method);

/// <summary>How large the ISO is.</summary>
internal sealed class ImageSize : Benchmark
{
    public override string Name => "iso.size";

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        double megabytes = new FileInfo(workspace.Iso).Length / 1e6;
        yield return new Measurement(Name, megabytes, "MB", "the file's length in 10^6 bytes");
    }
}

/// <summary>What the driver's rings move on this machine, without a guest: tests/Benchmarks measures it.</summary>
internal sealed class RingThroughput : Benchmark
{
    private static readonly JsonSerializerOptions s_format = new(JsonSerializerDefaults.Web);

    public override string Name => "ring";

    public override bool NeedsImages => false;

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        string folder = workspace.Intermediate("bench");
        Directory.CreateDirectory(folder);
        string results = Path.Combine(folder, "ring.json");
        File.Delete(results);
        ExternalProgram.Run(
            "dotnet",
            [
                "run",
                "--project", workspace.HostBenchmarks,
                "--configuration", "Release",
                $"--property:ArtifactsPath={workspace.Artifacts}",
                "--", "report", results,
            ]);
        return JsonSerializer.Deserialize<List<Measurement>>(File.ReadAllText(results), s_format)
            ?? throw new BuildFailure($"{results} is empty");
    }
}
