using System;
using System.IO;
using System.Text;

namespace VirtioGuest.Labs.Grader.Reports;

/// <summary>A grade as a student reads it.</summary>
internal static class TextReport
{
    private const int MostSteps = 24;
    private const int Width = 90;
    private const string Indentation = "\n                    ";

    /// <summary>Writes it.</summary>
    public static void Write(Grade grade, TextWriter output)
    {
        output.WriteLine($"lab {grade.Lab.Number}: {grade.Lab.Title}");
        string lastSeen = string.Empty;
        string lastExpected = string.Empty;
        foreach (CheckResult each in grade.Results)
        {
            output.WriteLine($"  {(each.HasPassed ? "ok  " : "FAIL")} {each.Points,2}/{each.Most,-2} {each.Name}");
            if (each.Finding is not { } finding)
            {
                continue;
            }

            if (finding.Seen == lastSeen)
            {
                output.WriteLine("         the same as above");
            }
            else
            {
                // Another check that broke on the same rule has the same steps.
                Explain(grade.Lab, finding, finding.Expected != lastExpected, output);
                lastSeen = finding.Seen;
                lastExpected = finding.Expected;
            }

            if (each.Recording is { } recording)
            {
                // Terminals open such a text with a click.
                string page = new Uri(Path.ChangeExtension(recording, ".html")).AbsoluteUri;
                Line(output, "watch", page + "#failure");
            }
        }

        foreach (string note in grade.Notes)
        {
            output.WriteLine($"  note: {note}");
        }

        output.WriteLine($"  {grade.Points} of {grade.Most} points, in {grade.Duration.TotalSeconds:0.0} s");
    }

    private static void Explain(Lab lab, Finding finding, bool hasSteps, TextWriter output)
    {
        Line(output, "seen", finding.Seen);
        Line(output, "expected", finding.Expected);
        Line(output, "clause", finding.Clause);
        Line(output, "read", finding.Read.Length == 0 ? lab.Text : finding.Read);
        if (hasSteps && finding.Steps is { Count: > 0 } steps)
        {
            Line(output, "steps", "the last ones that led there:");
            for (int i = Math.Max(0, steps.Count - MostSteps); i < steps.Count; i++)
            {
                output.WriteLine($"                     {steps[i]}");
            }
        }
    }

    private static void Line(TextWriter output, string name, string text)
    {
        if (text.Length != 0)
        {
            output.WriteLine($"         {name,-9}  {Wrap(text)}");
        }
    }

    /// <summary>Breaks long lines between words, and indents all but the first.</summary>
    private static string Wrap(string text)
    {
        StringBuilder wrapped = new StringBuilder();
        foreach (string line in text.Split('\n'))
        {
            int column = 0;
            wrapped.Append(wrapped.Length == 0 ? string.Empty : Indentation);
            foreach (string word in line.TrimEnd('\r').Split(' '))
            {
                if (column > 0 && column + word.Length >= Width)
                {
                    wrapped.Append(Indentation);
                    column = 0;
                }

                wrapped.Append(column == 0 ? string.Empty : " ").Append(word);
                column += word.Length + 1;
            }
        }

        return wrapped.ToString();
    }
}
