using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;

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

    /// <summary>
    /// Runs all checks from one on, for another process: says which it begins and what came of it, a line each.
    /// </summary>
    public static void RunAll(Lab lab, StudentCode code, int first, TextWriter output)
    {
        for (int i = first; i < lab.Checks.Count; i++)
        {
            output.WriteLine($"begin {i}");
            output.Flush();
            CheckResult result = Run(lab.Checks[i], code);
            output.WriteLine($"end {i} {JsonSerializer.Serialize(result.Finding)}");
            output.Flush();
        }
    }

    /// <summary>Reads what <see cref="RunAll"/> wrote, as far as it came.</summary>
    /// <returns>The results by check, and the check that had begun and not ended; -1 for none.</returns>
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
            else if (parts is ["end", _, _] && int.TryParse(parts[1], out int ended) && ended == open)
            {
                results[ended] = JsonSerializer.Deserialize<Finding?>(parts[2]);
                open = -1;
            }
        }

        return (results, open);
    }
}
