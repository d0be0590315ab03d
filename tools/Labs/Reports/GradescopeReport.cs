using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace VirtioGuest.Labs.Grader.Reports;

/// <summary>A grade in the form of Gradescope's <c>results.json</c>.</summary>
internal static class GradescopeReport
{
    private static readonly JsonSerializerOptions s_options = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Writes it.</summary>
    public static void Write(Grade grade, TextWriter output)
    {
        Dictionary<string, object> report = new()
        {
            ["score"] = grade.Points,
            ["execution_time"] = (int)grade.Duration.TotalSeconds,
            ["output"] = string.Join("\n", grade.Notes),
            ["tests"] = grade.Results.Select((each, index) => new Dictionary<string, object>
            {
                ["number"] = $"{grade.Lab.Number}.{index + 1}",
                ["name"] = each.Name,
                ["score"] = each.Points,
                ["max_score"] = each.Most,
                ["status"] = each.HasPassed ? "passed" : "failed",
                ["output"] = InWords(each, grade.Lab),
                ["visibility"] = "visible",
            }).ToArray(),
        };
        output.WriteLine(JsonSerializer.Serialize(report, s_options));
    }

    /// <summary>A finding as lines of text.</summary>
    public static string InWords(CheckResult result, Lab lab)
    {
        if (result.Finding is not { } finding)
        {
            return string.Empty;
        }

        List<string> lines = [$"seen: {finding.Seen}", $"expected: {finding.Expected}"];
        if (finding.Clause.Length != 0)
        {
            lines.Add($"clause: {finding.Clause}");
        }

        lines.Add($"read: {(finding.Read.Length == 0 ? lab.Text : finding.Read)}");
        lines.AddRange(finding.Steps?.Select(each => $"  {each}") ?? []);
        return string.Join("\n", lines);
    }
}
