using System;
using System.Collections.Generic;
using System.IO;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance.Reports;

/// <summary>
/// What a run prints for people: what went wrong, the counts, and how much of the specification is checked.
/// </summary>
public static class SummaryText
{
    private const int ShownSteps = 6;

    /// <summary>Writes what went wrong, worst first, and the counts.</summary>
    public static void Write(ConformanceRun run, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(output);
        List<Verdict> bad = [];
        foreach (Verdict each in run.Verdicts)
        {
            if (each.Outcome is not (Outcome.Pass or Outcome.Skip))
            {
                bad.Add(each);
            }
        }

        bad.Sort((left, right) => (left.Requirement.Severity, left.Target).CompareTo(
            (right.Requirement.Severity, right.Target)));
        foreach (Verdict each in bad)
        {
            WriteVerdict(each, output);
        }

        foreach (Outcome each in Enum.GetValues<Outcome>())
        {
            if (run.Count(each) != 0)
            {
                output.WriteLine(ReportText.Invariant($"{ReportText.NameOf(each),-7} {run.Count(each)}"));
            }
        }
    }

    /// <summary>Writes how many requirements are checked, for each area and side: <c>checked/total</c>.</summary>
    public static void WriteCoverage(TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(output);
        output.WriteLine("checked/total      driver MUST  SHOULD    device MUST  SHOULD");
        foreach (string area in RequirementRegistry.Areas)
        {
            string driver = $"{Count(area, Side.Driver, Level.Must),11} {Count(area, Side.Driver, Level.Should),7}";
            string device = $"{Count(area, Side.Device, Level.Must),14} {Count(area, Side.Device, Level.Should),7}";
            output.WriteLine($"{area,-18} {driver} {device}");
        }
    }

    private static string Count(string area, Side side, Level level)
    {
        (int done, int total) = RequirementRegistry.All.Count(area, side, level);
        return ReportText.Invariant($"{done}/{total}");
    }

    private static void WriteVerdict(Verdict verdict, TextWriter output)
    {
        Requirement requirement = verdict.Requirement;
        string name = ReportText.NameOf(verdict.Outcome);
        output.WriteLine($"{name} {verdict.Target}: {requirement.Id} {requirement.Text}");
        output.WriteLine(
            $"     {ReportText.PlaceOf(requirement)} \"{requirement.Block.Title}\", "
            + $"{ReportText.NameOf(requirement.Level)}, {ReportText.NameOf(requirement.Severity)}");
        if (verdict.Reason.Length != 0)
        {
            output.WriteLine($"     known: {verdict.Reason}");
        }

        if (verdict.Evidence is { } evidence && verdict.Outcome != Outcome.ExpectedFailure)
        {
            output.WriteLine(ReportText.Invariant($"     {evidence.Place}: {evidence.Text} ({evidence.Count} times)"));
            for (int i = Math.Max(0, evidence.Steps.Count - ShownSteps); i < evidence.Steps.Count; i++)
            {
                output.WriteLine($"       {evidence.Steps[i]}");
            }
        }
    }
}
