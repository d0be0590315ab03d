using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Reports;
using BenchmarkDotNet.Running;
using VirtioGuest.Benchmarks.Rings;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Benchmarks;

/// <summary>The figures of bench.json that need no guest.</summary>
internal static class Report
{
    private const int Batch = 32;

    private const string Loop =
        "one thread adds BATCH buffers of one segment, plays the device, and takes them back;"
        + " 256 descriptors, no suppression asked for";

    private static readonly JsonSerializerOptions s_format = new(JsonSerializerDefaults.Web);

    /// <summary>Measures all of them and writes them to a file.</summary>
    /// <param name="path">The file.</param>
    /// <param name="config">How BenchmarkDotNet measures.</param>
    public static void Write(string path, IConfig config)
    {
        List<Figure> figures = [.. Compare(), .. Benchmark(config)];
        File.WriteAllText(path, JsonSerializer.Serialize(figures, s_format));
    }

    public static IEnumerable<Figure> Compare()
    {
        using RingLoop packed = new(Features.RingPacked);
        using NativeRingLoop native = new();
        (double rate, double ratio) = SideBySide.Measure(packed.Run, native.Run, Batch);
        yield return new Figure(
            "ring.packed.batch32.operations_per_second",
            rate,
            "1/s",
            Loop + "; median of 1001 rounds of 16384 operations, in turns with the same in C");
        yield return new Figure(
            "ring.packed.batch32.ratio_to_c", ratio, "x", "the same rounds; C is clang -O2, tests/Benchmarks/Native");
    }

    private static IEnumerable<Figure> Benchmark(IConfig config)
    {
        Summary summary = BenchmarkRunner.Run<RingBenchmarks>(config);
        foreach (BenchmarkReport report in summary.Reports.Where(report => report.Success))
        {
            string name = report.BenchmarkCase.Descriptor.WorkloadMethod.Name;
            if (name == nameof(RingBenchmarks.PackedInC))
            {
                continue;
            }

            int batch = (int)report.BenchmarkCase.Parameters[nameof(RingBenchmarks.Batch)];
            string prefix = $"ring.{(name == nameof(RingBenchmarks.Packed) ? "packed" : "split")}.batch{batch}.";
            if (prefix != "ring.packed.batch32.")
            {
                yield return new Figure(
                    prefix + "operations_per_second",
                    1e9 / report.ResultStatistics!.Mean,
                    "1/s",
                    Loop + "; mean of BenchmarkDotNet");
            }

            yield return new Figure(
                prefix + "allocated_bytes",
                report.GcStats.GetBytesAllocatedPerOperation(report.BenchmarkCase) ?? double.NaN,
                "B",
                "managed memory per operation; BenchmarkDotNet's MemoryDiagnoser");
        }
    }
}
