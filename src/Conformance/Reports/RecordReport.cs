using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance.Reports;

/// <summary>
/// A run as it is kept with the sources: a page for people and a small file for programs, which differ from run to run
/// only where a verdict does.
/// </summary>
public static class RecordReport
{
    private const int ShownSteps = 6;

    /// <summary>Writes <c>NAME.md</c> and <c>NAME.json</c> into a folder.</summary>
    /// <param name="run">The run.</param>
    /// <param name="folder">Where to.</param>
    /// <param name="name">The target's name.</param>
    /// <param name="command">What has to be typed for it.</param>
    /// <param name="versions">What was judged and with what, for people.</param>
    public static void Write(ConformanceRun run, string folder, string name, string command, string versions)
    {
        ArgumentNullException.ThrowIfNull(run);
        Directory.CreateDirectory(folder);
        using (StreamWriter page = new(Path.Combine(folder, $"{name}.md")) { NewLine = "\n" })
        {
            WritePage(run, page, command, versions);
        }

        using FileStream data = File.Create(Path.Combine(folder, $"{name}.json"));
        WriteData(run, data, versions);
    }

    private static void WritePage(ConformanceRun run, TextWriter page, string command, string versions)
    {
        page.WriteLine($"# {char.ToUpperInvariant(run.Title[0])}{run.Title[1..]}");
        page.WriteLine();
        page.WriteLine($"`{command}`: {versions}.");
        page.WriteLine();
        page.WriteLine("| | kept | broken | known to be broken | nothing to judge |");
        page.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (IGrouping<string, Verdict> target in run.Verdicts.GroupBy(each => each.Target))
        {
            ConformanceRun part = new(target.Key, [.. target]);
            int bad = part.Count(Outcome.Fail) + part.Count(Outcome.Wedged);
            int known = part.Count(Outcome.ExpectedFailure);
            page.WriteLine(ReportText.Invariant(
                $"| {target.Key} | {part.Count(Outcome.Pass)} | {bad} | {known} | {part.Count(Outcome.Skip)} |"));
        }

        IGrouping<string, Verdict>[] broken =
        [
            .. run.Verdicts.Where(each => each.Outcome is Outcome.Fail or Outcome.Wedged or Outcome.ExpectedFailure)
                .GroupBy(each => $"{each.Requirement.Id} {each.Reason}"),
        ];
        if (broken.Length == 0)
        {
            page.WriteLine();
            page.WriteLine("Nothing is broken.");
        }

        foreach (IGrouping<string, Verdict> each in broken)
        {
            WriteBroken([.. each], page);
        }
    }

    private static void WriteBroken(Verdict[] verdicts, TextWriter page)
    {
        Verdict first = verdicts[0];
        Requirement requirement = first.Requirement;
        page.WriteLine();
        page.WriteLine($"## {requirement.Id}");
        page.WriteLine();
        page.WriteLine(
            $"{requirement.Text} ({ReportText.PlaceOf(requirement)}; {ReportText.NameOf(requirement.Level)}, "
            + $"{ReportText.NameOf(requirement.Severity)})");
        page.WriteLine();
        page.WriteLine($"- where: {string.Join("; ", verdicts.Select(each => each.Target))}");
        if (first.Outcome == Outcome.Wedged)
        {
            page.WriteLine("- it stopped answering");
        }

        page.WriteLine($"- judgement: {(first.Reason.Length == 0 ? "none yet" : first.Reason)}");
        if (first.Evidence is { } evidence)
        {
            string place = evidence.Place.Length == 0 ? string.Empty : $"{evidence.Place}: ";
            page.WriteLine(ReportText.Invariant($"- evidence: {place}{evidence.Text} ({evidence.Count} times)"));
            string[] lines = [.. evidence.Steps.TakeLast(ShownSteps), .. evidence.Ring.Take(ShownSteps)];
            if (lines.Length != 0)
            {
                page.WriteLine();
                page.WriteLine("```");
                Array.ForEach(lines, page.WriteLine);
                page.WriteLine("```");
            }
        }
    }

    private static void WriteData(ConformanceRun run, Stream data, string versions)
    {
        using (Utf8JsonWriter writer = new(data))
        {
            WriteData(run, writer, versions);
        }

        data.WriteByte((byte)'\n');
    }

    private static void WriteData(ConformanceRun run, Utf8JsonWriter writer, string versions)
    {
        writer.WriteStartObject();
        writer.WriteString("title", run.Title);
        writer.WriteString("versions", versions);
        writer.WriteString("specification", "virtio 1.4");
        writer.WriteStartObject("targets");
        foreach (IGrouping<string, Verdict> target in run.Verdicts.GroupBy(each => each.Target))
        {
            writer.WriteStartObject(target.Key);
            foreach (IGrouping<Outcome, Verdict> outcome in target.GroupBy(each => each.Outcome))
            {
                if (outcome.Key != Outcome.Skip)
                {
                    writer.WriteStartArray(ReportText.NameOf(outcome.Key));
                    foreach (string id in outcome.Select(each => each.Requirement.Id).Distinct())
                    {
                        writer.WriteStringValue(id);
                    }

                    writer.WriteEndArray();
                }
            }

            writer.WriteEndObject();
        }

        writer.WriteEndObject();
        writer.WriteEndObject();
    }
}
