using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;
using VirtioGuest.Labs.Grader.Rigs;

namespace VirtioGuest.Labs.Grader.Students;

/// <summary>Runs a lab's checks in this process.</summary>
internal static class CheckRun
{
    /// <summary>Runs one check. Whatever the student's code throws is a result.</summary>
    public static CheckResult Run(LabCheck check, StudentCode code)
    {
        try
        {
            check.Run(code);
            return new CheckResult(check.Name, check.Points, check.Points, null);
        }
        catch (Exception e) when (e is not (StackOverflowException or AccessViolationException))
        {
            Finding finding = StudentFailure.Of(e, "the driver", check.Clause);
            finding = finding.Clause.Length == 0 ? finding with { Clause = check.Clause } : finding;
            return new CheckResult(check.Name, 0, check.Points, finding);
        }
    }

    /// <summary>Where the recording of a check is, if there is one.</summary>
    /// <param name="recordings">The folder of recordings.</param>
    /// <param name="lab">The lab.</param>
    /// <param name="check">The check, counted from 0.</param>
    public static string RecordingOf(string recordings, Lab lab, int check) =>
        Path.Combine(recordings, $"lab-{lab.Number}-{check + 1}.jsonl");

    /// <summary>
    /// Runs all checks from one on, for another process: says which it begins, what came of it, and when it is done
    /// with it, a line each. A check that failed is run once more to be recorded.
    /// </summary>
    /// <param name="lab">The lab.</param>
    /// <param name="code">The student's code.</param>
    /// <param name="first">The first check, counted from 0.</param>
    /// <param name="output">Who reads the lines.</param>
    /// <param name="recordings">Where recordings go; null for nowhere.</param>
    public static void RunAll(Lab lab, StudentCode code, int first, TextWriter output, string? recordings = null)
    {
        for (int i = first; i < lab.Checks.Count; i++)
        {
            output.WriteLine($"begin {i}");
            output.Flush();
            LabCheck check = lab.Checks[i];
            CheckResult result = Run(check, code);
            output.WriteLine($"found {i} {JsonSerializer.Serialize(result.Finding)}");
            output.Flush();
            if (recordings is not null && !result.HasPassed)
            {
                // What the driver writes to the console has been heard.
                TextWriter console = Console.Out;
                Console.SetOut(TextWriter.Null);
                CheckRecording.Run(
                    RecordingOf(recordings, lab, i),
                    $"Lab {lab.Number}: {check.Name}",
                    () => Run(check, code).Finding);
                Console.SetOut(console);
            }

            output.WriteLine($"end {i}");
            output.Flush();
        }
    }

    /// <summary>Reads what <see cref="RunAll"/> wrote, as far as it came.</summary>
    /// <returns>
    /// The results by check, and the check that had begun and not ended; -1 for none. One that has a result was being
    /// recorded.
    /// </returns>
    public static (Dictionary<int, Finding?> Results, int Open) Read(Lab lab, IEnumerable<string> lines)
    {
        Dictionary<int, Finding?> results = [];
        int open = -1;
        foreach (string line in lines)
        {
            string[] parts = line.Split(' ', 3);
            if (parts is ["begin", _] && int.TryParse(parts[1], out int begun) && begun < lab.Checks.Count)
            {
                open = begun;
            }
            else if (parts is ["found", _, _] && int.TryParse(parts[1], out int found) && found == open)
            {
                results[found] = JsonSerializer.Deserialize<Finding?>(parts[2]);
            }
            else if (parts is ["end", _] && int.TryParse(parts[1], out int ended) && ended == open)
            {
                open = -1;
            }
        }

        return (results, open);
    }
}
