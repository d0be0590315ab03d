using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance.Reports;

/// <summary>A run as JSON: title, counts of the registry, and a record for each verdict.</summary>
public static class JsonReport
{
    private static readonly Level[] s_levels = [Level.Must, Level.Should, Level.Format];

    /// <summary>Writes a run.</summary>
    public static void Write(ConformanceRun run, Stream output)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(output);
        using Utf8JsonWriter writer = new Utf8JsonWriter(output, new JsonWriterOptions { Indented = true });
        writer.WriteStartObject();
        writer.WriteString("title", run.Title);
        writer.WriteString("specification", "virtio 1.4");
        writer.WriteBoolean("good", run.IsGood);
        WriteCoverage(writer);
        writer.WriteStartArray("verdicts");
        foreach (Verdict each in run.Verdicts)
        {
            WriteVerdict(writer, each);
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }

    private static void WriteCoverage(Utf8JsonWriter writer)
    {
        writer.WriteStartArray("coverage");
        foreach (string area in RequirementRegistry.Areas)
        {
            foreach (Side side in new[] { Side.Driver, Side.Device })
            {
                foreach (Level level in s_levels)
                {
                    (int done, int total) = RequirementRegistry.All.Count(area, side, level);
                    if (total != 0)
                    {
                        writer.WriteStartObject();
                        writer.WriteString("area", area);
                        writer.WriteString("side", ReportText.NameOf(side));
                        writer.WriteString("level", ReportText.NameOf(level));
                        writer.WriteNumber("checked", done);
                        writer.WriteNumber("total", total);
                        writer.WriteEndObject();
                    }
                }
            }
        }

        writer.WriteEndArray();
    }

    private static void WriteVerdict(Utf8JsonWriter writer, Verdict verdict)
    {
        Requirement requirement = verdict.Requirement;
        writer.WriteStartObject();
        writer.WriteString("target", verdict.Target);
        writer.WriteString("requirement", requirement.Id);
        writer.WriteString("area", requirement.Area);
        writer.WriteString("level", ReportText.NameOf(requirement.Level));
        writer.WriteString("severity", ReportText.NameOf(requirement.Severity));
        writer.WriteString("clause", requirement.Block.Section);
        writer.WriteString("block", requirement.Block.Title);
        writer.WriteString("text", requirement.Text);
        writer.WriteString("verdict", ReportText.NameOf(verdict.Outcome));
        writer.WriteNumber("checked", verdict.Checked);
        if (verdict.Reason.Length != 0)
        {
            writer.WriteString("reason", verdict.Reason);
        }

        if (verdict.Evidence is { } evidence)
        {
            writer.WriteStartObject("evidence");
            writer.WriteString("text", evidence.Text);
            writer.WriteString("place", evidence.Place);
            writer.WriteNumber("count", evidence.Count);
            WriteLines(writer, "steps", evidence.Steps);
            WriteLines(writer, "ring", evidence.Ring);
            writer.WriteEndObject();
        }

        writer.WriteEndObject();
    }

    private static void WriteLines(Utf8JsonWriter writer, string name, IReadOnlyList<string> lines)
    {
        writer.WriteStartArray(name);
        foreach (string each in lines)
        {
            writer.WriteStringValue(each);
        }

        writer.WriteEndArray();
    }
}
