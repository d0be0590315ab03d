using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace VirtioGuest.Build.Testing;

/// <summary>How many branches of a folder's sources the tests took.</summary>
/// <param name="Folder">The folder, for example <c>Drivers/Virtio/Rings</c>.</param>
/// <param name="Taken">The branches that were taken at least once.</param>
/// <param name="All">All branches of the folder.</param>
internal sealed partial record BranchCoverage(string Folder, int Taken, int All)
{
    /// <summary>How many percent of the branches the tests have to take.</summary>
    public const int Required = 99;

    private static readonly string[] s_folders = ["Drivers/Virtio/Rings", "Drivers/Virtio/Transport"];

    /// <summary>Whether enough were taken. A folder without any is missing from the report.</summary>
    public bool IsEnough => All > 0 && 100L * Taken >= (long)Required * All;

    /// <summary>Reads the report that the collector left below a folder.</summary>
    public static IReadOnlyList<BranchCoverage> ReadAll(string results)
    {
        string[] reports = Directory.GetFiles(results, "coverage.cobertura.xml", SearchOption.AllDirectories);
        return reports.Length == 0 ? [] : Parse(XDocument.Load(reports.Max()!));
    }

    public override string ToString()
    {
        double percent = All == 0 ? 0 : 100.0 * Taken / All;
        return string.Create(
            CultureInfo.InvariantCulture, $"{Folder}: {percent:F1} % of branches taken ({Taken} of {All})");
    }

    /// <param name="report">In Cobertura's format.</param>
    internal static IReadOnlyList<BranchCoverage> Parse(XDocument report) =>
        [.. s_folders.Select(folder => Count(folder, report))];

    private static BranchCoverage Count(string folder, XDocument report)
    {
        int taken = 0;
        int all = 0;
        string root = report.Descendants("source").FirstOrDefault()?.Value ?? string.Empty;
        foreach (XElement type in report.Descendants("class"))
        {
            string file = Path.Combine(root, (string?)type.Attribute("filename") ?? string.Empty);
            bool isInside = $"{Path.GetDirectoryName(file)}/".Contains($"{folder}/", StringComparison.Ordinal);
            foreach (XElement line in isInside ? type.Elements("lines").Elements("line") : [])
            {
                // For example 50% (1/2); lines without branches have no such attribute.
                Match match = Conditions().Match((string?)line.Attribute("condition-coverage") ?? string.Empty);
                taken += match.Success ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : 0;
                all += match.Success ? int.Parse(match.Groups[2].ValueSpan, CultureInfo.InvariantCulture) : 0;
            }
        }

        return new BranchCoverage(folder, taken, all);
    }

    [GeneratedRegex(@"\((\d+)/(\d+)\)")]
    private static partial Regex Conditions();
}
