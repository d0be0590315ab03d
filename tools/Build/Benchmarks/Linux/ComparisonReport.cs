using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;
using Spectre.Console;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>The middle of some values, and how far they are apart.</summary>
internal readonly record struct Spread(double Median, double Least, double Most)
{
    /// <param name="values">At least one.</param>
    public static Spread Of(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        int middle = sorted.Length / 2;
        double median = sorted.Length % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
        return new Spread(median, sorted[0], sorted[^1]);
    }
}

/// <summary>A workload, and what each round of it gave.</summary>
internal sealed class ComparisonRow
{
    private readonly List<Sample> _own = [];
    private readonly List<Sample> _linux = [];

    public ComparisonRow(Workload workload)
    {
        Workload = workload;
    }

    public Workload Workload { get; }

    /// <summary>Our guest's value over the rounds; null if it has nothing that runs this.</summary>
    public Spread? Own => _own.Count == 0 ? null : Values(_own);

    /// <summary>Linux' value over the rounds.</summary>
    public Spread Linux => Values(_linux);

    /// <summary>
    /// How many times better ours is, over the rounds, each with the two values that it has: rates are better when
    /// they are higher, instructions when they are fewer.
    /// </summary>
    public Spread? Ratio => _own.Count == 0 ? null : Spread.Of(_own.Zip(_linux, (own, linux) =>
        Workload.Measure == Measure.Rate
            ? own.RequestsPerSecond / linux.RequestsPerSecond
            : linux.TicksPerRequest / own.TicksPerRequest));

    /// <summary>Interrupts per request in our guest, at the median.</summary>
    public double? OwnInterrupts => _own.Count == 0 ? null : Interrupts(_own);

    /// <summary>Interrupts per request in Linux, at the median.</summary>
    public double LinuxInterrupts => Interrupts(_linux);

    /// <summary>Adds a round: what our guest gave, if it can run this, and what Linux gave.</summary>
    public void Add(Sample? own, Sample linux)
    {
        if (own is not null)
        {
            _own.Add(own);
        }

        _linux.Add(linux);
    }

    private static double Interrupts(List<Sample> samples) =>
        Spread.Of(samples.Select(one => one.InterruptsPerRequest)).Median;

    private Spread Values(List<Sample> samples) => Spread.Of(samples.Select(one => one.Value(Workload.Measure)));
}

/// <summary>The results of a comparison, as a table, Markdown and JSON.</summary>
internal sealed class ComparisonReport
{
    private const string Nothing = "-";

    /// <summary>Below this, a decimal says something.</summary>
    private const double SmallValue = 100;

    private static readonly JsonSerializerOptions s_format = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, // no HTML, so a plus may stay one
    };

    private static readonly string[] s_columns = ["", "VirtioGuest", "Linux", "ratio", "in single rounds"];

    /// <param name="rows">What was measured, one round at least.</param>
    /// <param name="qemu">QEMU's version, as it says it.</param>
    /// <param name="release">The Linux kernel's release.</param>
    public ComparisonReport(IReadOnlyList<ComparisonRow> rows, string qemu, string release)
    {
        Rows = rows;
        Qemu = qemu;
        Release = release;
    }

    public IReadOnlyList<ComparisonRow> Rows { get; }

    public string Qemu { get; }

    public string Release { get; }

    /// <summary>What has to be known to judge the figures: sentences, in lines.</summary>
    public IReadOnlyList<string> Method =>
    [
        $"Linux {Release} and VirtioGuest took turns in the same machine:",
        $"{Qemu}, tcg, q35, one processor.",
        .. Rows.SelectMany(row => row.Workload.Method.Split('\n')).Distinct(),
        "Instructions are those of the whole guest, by -icount shift=0,sleep=off. Those while it is idle do not count;",
        "going idle and coming back does, and how often that happens is up to the host.",
        "Medians over the rounds. The ratio says how many times better VirtioGuest is, and is taken in each round.",
    ];

    /// <summary>A number as the tables have it: all digits that are not noise.</summary>
    public static string Text(double value) =>
        value.ToString(value < SmallValue ? "0.0" : "#,0", CultureInfo.InvariantCulture);

    /// <summary>What a measure's values are, for the heading of its rows.</summary>
    public static string Unit(Measure measure) =>
        measure == Measure.Rate ? "requests per second" : "instructions per request";

    /// <summary>The rows of one measure, with what stands in each column.</summary>
    public IEnumerable<string[]> Cells()
    {
        foreach (ComparisonRow row in Rows)
        {
            yield return
            [
                $"{row.Workload.Title}: {Unit(row.Workload.Measure)}",
                row.Own is { } own ? Text(own.Median) : Nothing,
                Text(row.Linux.Median),
                row.Ratio is { } ratio ? Text(ratio.Median) : Nothing,
                row.Ratio is { } spread ? $"{Text(spread.Least)} to {Text(spread.Most)}" : Nothing,
            ];
        }
    }

    public Table ToTable()
    {
        Table table = BenchmarkRun.NewTable();
        foreach (string column in s_columns)
        {
            table.AddColumn(column.Length == 0 ? new TableColumn(column) : new TableColumn(column).RightAligned());
        }

        foreach (string[] cells in Cells())
        {
            table.AddRow(cells);
        }

        return table;
    }

    public string ToMarkdown()
    {
        IEnumerable<string[]> lines = [s_columns, ["---", "---:", "---:", "---:", "---:"], .. Cells()];
        IEnumerable<string> table = lines.Select(cells => $"| {string.Join(" | ", cells)} |");
        return string.Join('\n', [.. table, "", .. Method, ""]);
    }

    public string ToJson() => JsonSerializer.Serialize(
        new
        {
            Qemu,
            Linux = Release,
            Machine = Contestant.Machine,
            Method,
            Workloads = Rows.Select(row => new
            {
                row.Workload.Name,
                row.Workload.Title,
                Unit = Unit(row.Workload.Measure),
                VirtioGuest = row.Own,
                row.Linux,
                row.Ratio,
                InterruptsPerRequest = new { VirtioGuest = row.OwnInterrupts, Linux = row.LinuxInterrupts },
            }),
        },
        s_format) + "\n";
}
