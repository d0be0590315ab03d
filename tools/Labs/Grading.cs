using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using VirtioGuest.Labs.Grader.Students;

namespace VirtioGuest.Labs.Grader;

/// <summary>Grades a student's files for a lab.</summary>
internal static class Grading
{
    private const int MostWarnings = 5;

    /// <summary>Compiles the files, runs the checks in a process of their own, and says what came of it.</summary>
    /// <param name="lab">The lab.</param>
    /// <param name="folder">The student's files.</param>
    /// <param name="limit">How long a check may take; usually 10 seconds.</param>
    /// <param name="recordings">
    /// Where recordings of what failed go, in the place of those of the last time; null for nowhere.
    /// </param>
    public static Grade Run(Lab lab, string folder, TimeSpan? limit = null, string? recordings = null)
    {
        Stopwatch watch = Stopwatch.StartNew();
        if (recordings is not null)
        {
            Directory.CreateDirectory(recordings);
            for (int i = 0; i < lab.Checks.Count; i++)
            {
                File.Delete(CheckRun.RecordingOf(recordings, lab, i));
            }
        }

        StudentCompilation compilation = StudentCompilation.Compile(folder);
        List<string> notes = [.. compilation.Warnings.Take(MostWarnings).Select(each => $"the compiler warns: {each}")];
        IReadOnlyList<CheckResult> results = compilation.Library is null
            ? NotCompiled(lab, compilation)
            : ChildRun.Run(lab, compilation, notes, limit ?? ChildRun.UsualLimit, recordings);
        return new Grade(lab, results, notes, watch.Elapsed);
    }

    /// <summary>The one thing that is wrong with files that do not compile, and no points.</summary>
    public static IReadOnlyList<CheckResult> NotCompiled(Lab lab, StudentCompilation compilation)
    {
        string errors = string.Join("\n", compilation.Errors);
        CheckResult compiles = new CheckResult(
            "the files compile", 0, 0, new Finding("", errors, "the starter compiles: go on from there"));
        return
        [
            compiles,
            .. lab.Checks.Select(each => new CheckResult(
                each.Name,
                0,
                each.Points,
                new Finding(each.Clause, "not tried, because the files do not compile", "the files compile"))),
        ];
    }
}
