using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>The result of a run in the Test Anything Protocol, version 14.</summary>
public sealed partial class TapReport
{
    private readonly List<TapResult> _results = [];

    private TapReport()
    {
    }

    /// <summary>The test points in their order.</summary>
    public IReadOnlyList<TapResult> Results => _results;

    /// <summary>Those that failed.</summary>
    public IEnumerable<TapResult> Failures => _results.Where(result => !result.IsOk);

    /// <summary>Reads a report.</summary>
    /// <exception cref="FormatException">The lines break the protocol: version, plan, numbers.</exception>
    public static TapReport Parse(IEnumerable<string> lines)
    {
        TapReport report = new();
        int? plan = null;
        bool hasVersion = false;
        foreach (string line in lines)
        {
            if (line == "TAP version 14")
            {
                hasVersion = true;
            }
            else if (PlanPattern().Match(line) is { Success: true } planned)
            {
                plan = plan is null
                    ? int.Parse(planned.Groups[1].Value, CultureInfo.InvariantCulture)
                    : throw new FormatException("There are two plans.");
            }
            else if (line.StartsWith("Bail out!", StringComparison.Ordinal))
            {
                throw new FormatException(line);
            }
            else if (ResultPattern().Match(line) is { Success: true } point)
            {
                report.Add(point);
            }
        }

        if (!hasVersion)
        {
            throw new FormatException("There is no 'TAP version 14'.");
        }

        return plan == report._results.Count
            ? report
            : throw new FormatException(
                $"Planned were {plan?.ToString() ?? "no"} tests, {report._results.Count} came.");
    }

    private void Add(Match point)
    {
        int number = int.Parse(point.Groups["number"].Value, CultureInfo.InvariantCulture);
        if (number != _results.Count + 1)
        {
            throw new FormatException($"Test {number} came where {_results.Count + 1} was due.");
        }

        _results.Add(new TapResult(
            point.Groups["not"].Length == 0, point.Groups["name"].Value.Trim(), point.Groups["skip"].Success));
    }

    [GeneratedRegex(@"^1\.\.(\d+)$")]
    private static partial Regex PlanPattern();

    [GeneratedRegex(@"^(?<not>not )?ok (?<number>\d+)(?: - )?(?<name>(?:\\#|[^#])*)(?<skip># SKIP\b.*)?$")]
    private static partial Regex ResultPattern();
}
