using System;
using System.IO;

namespace VirtioGuest.Conformance.Reports;

/// <summary>A run in the Test Anything Protocol, version 14.</summary>
/// <remarks>
/// A failure carries a YAML block with the requirement, the place and the steps; known failures are TODO, as the
/// protocol has it: <c>not ok 3 - drv.pci.19 # TODO reason</c>.
/// </remarks>
public static class TapReport
{
    /// <summary>Writes a run.</summary>
    public static void Write(ConformanceRun run, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(output);
        output.Write("TAP version 14\n");
        output.Write(ReportText.Invariant($"1..{run.Verdicts.Count}\n"));
        int number = 0;
        foreach (Verdict each in run.Verdicts)
        {
            number++;
            output.Write(ReportText.Invariant($"{Line(each, number)}\n"));
            if (each.Evidence is { } evidence)
            {
                WriteBlock(each, evidence, output);
            }
        }
    }

    private static string Line(Verdict verdict, int number)
    {
        bool isKept = verdict.Outcome is Outcome.Pass or Outcome.Skip or Outcome.UnexpectedPass;
        string directive = verdict.Outcome switch
        {
            Outcome.Skip => $" # SKIP {Escape(verdict.Reason)}",
            Outcome.ExpectedFailure or Outcome.UnexpectedPass => $" # TODO {Escape(verdict.Reason)}",
            Outcome.Wedged => " # wedged",
            _ => string.Empty,
        };
        string what = $"{verdict.Target}: {verdict.Requirement.Id} {verdict.Requirement.Text}";
        return ReportText.Invariant($"{(isKept ? "ok" : "not ok")} {number} - {Escape(what)}{directive}");
    }

    private static void WriteBlock(Verdict verdict, Evidence evidence, TextWriter output)
    {
        output.Write("  ---\n");
        output.Write(ReportText.Invariant($"  message: {Quote(evidence.Text)}\n"));
        output.Write(ReportText.Invariant($"  severity: {ReportText.NameOf(verdict.Requirement.Severity)}\n"));
        output.Write(ReportText.Invariant($"  level: {ReportText.NameOf(verdict.Requirement.Level)}\n"));
        output.Write(ReportText.Invariant($"  clause: {Quote(ReportText.PlaceOf(verdict.Requirement))}\n"));
        output.Write(ReportText.Invariant($"  place: {Quote(evidence.Place)}\n"));
        output.Write(ReportText.Invariant($"  count: {evidence.Count}\n"));
        output.Write("  steps:\n");
        foreach (string step in evidence.Steps)
        {
            output.Write(ReportText.Invariant($"    - {Quote(step)}\n"));
        }

        output.Write("  ...\n");
    }

    /// <summary>What would begin a directive, or end the line, does not.</summary>
    private static string Escape(string text) =>
        text.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("#", "\\#", StringComparison.Ordinal)
            .ReplaceLineEndings(" ");

    private static string Quote(string text) =>
        $"'{text.Replace("'", "''", StringComparison.Ordinal).ReplaceLineEndings(" ")}'";
}
