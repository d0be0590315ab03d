using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Xml;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance.Reports;

/// <summary>A run as JUnit's XML: a suite for each target, a case for each requirement.</summary>
public static class JUnitReport
{
    /// <summary>Writes a run.</summary>
    public static void Write(ConformanceRun run, Stream output)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(output);
        XmlWriterSettings settings = new XmlWriterSettings
        {
            Indent = true,
            NewLineChars = "\n",
            Encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
        };
        using XmlWriter writer = XmlWriter.Create(output, settings);
        writer.WriteStartElement("testsuites");
        writer.WriteAttributeString("name", Clean(run.Title));
        WriteCounts(writer, run.Verdicts);
        foreach (IGrouping<string, Verdict> suite in run.Verdicts.GroupBy(each => each.Target))
        {
            writer.WriteStartElement("testsuite");
            writer.WriteAttributeString("name", Clean(suite.Key));
            WriteCounts(writer, [.. suite]);
            foreach (Verdict each in suite)
            {
                WriteCase(writer, each);
            }

            writer.WriteEndElement();
        }

        writer.WriteEndElement();
    }

    private static void WriteCounts(XmlWriter writer, IReadOnlyList<Verdict> verdicts)
    {
        int failures = verdicts.Count(each => each.Outcome is Outcome.Fail or Outcome.UnexpectedPass);
        int errors = verdicts.Count(each => each.Outcome == Outcome.Wedged);
        int skipped = verdicts.Count(each => each.Outcome is Outcome.Skip or Outcome.ExpectedFailure);
        writer.WriteAttributeString("tests", verdicts.Count.ToString(CultureInfo.InvariantCulture));
        writer.WriteAttributeString("failures", failures.ToString(CultureInfo.InvariantCulture));
        writer.WriteAttributeString("errors", errors.ToString(CultureInfo.InvariantCulture));
        writer.WriteAttributeString("skipped", skipped.ToString(CultureInfo.InvariantCulture));
    }

    private static void WriteCase(XmlWriter writer, Verdict verdict)
    {
        Requirement requirement = verdict.Requirement;
        writer.WriteStartElement("testcase");
        writer.WriteAttributeString("classname", Clean($"{verdict.Target}.{requirement.Area}"));
        writer.WriteAttributeString("name", Clean($"{requirement.Id} {requirement.Text}"));
        switch (verdict.Outcome)
        {
            case Outcome.Skip:
            case Outcome.ExpectedFailure:
                writer.WriteStartElement("skipped");
                writer.WriteAttributeString("message", Clean(verdict.Reason));
                writer.WriteEndElement();
                break;
            case Outcome.Fail:
                WriteFailure(writer, "failure", verdict);
                break;
            case Outcome.Wedged:
                WriteFailure(writer, "error", verdict);
                break;
            case Outcome.UnexpectedPass:
                writer.WriteStartElement("failure");
                writer.WriteAttributeString("type", "XPASS");
                writer.WriteAttributeString("message", Clean($"passes although it is known to fail: {verdict.Reason}"));
                writer.WriteEndElement();
                break;
            default:
                break;
        }

        writer.WriteEndElement();
    }

    private static void WriteFailure(XmlWriter writer, string element, Verdict verdict)
    {
        writer.WriteStartElement(element);
        writer.WriteAttributeString("type", ReportText.NameOf(verdict.Requirement.Severity));
        writer.WriteAttributeString("message", Clean(verdict.Evidence?.Text ?? ReportText.NameOf(verdict.Outcome)));
        if (verdict.Evidence is { } evidence)
        {
            writer.WriteString(Clean(
                $"{ReportText.PlaceOf(verdict.Requirement)}; {evidence.Place}; {evidence.Count} times\n"
                + string.Join('\n', evidence.Steps) + "\n" + string.Join('\n', evidence.Ring)));
        }

        writer.WriteEndElement();
    }

    /// <summary>Characters that XML cannot hold become question marks.</summary>
    private static string Clean(string text) =>
        string.Concat(text.Select(each => XmlConvert.IsXmlChar(each) ? each : '?'));
}
