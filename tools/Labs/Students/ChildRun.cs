using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Threading.Tasks;

namespace VirtioGuest.Labs.Grader.Students;

/// <summary>
/// Runs a lab's checks in a process of their own, so that a driver that loops for ever, overflows its stack or ends the
/// program costs one check and nothing else.
/// </summary>
internal static class ChildRun
{
    /// <summary>Nothing that a right driver is asked for takes as long.</summary>
    public static readonly TimeSpan UsualLimit = TimeSpan.FromSeconds(10);

    private const int MostOutput = 2000;
    private static readonly TimeSpan s_shortLimit = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    /// <summary>Runs all checks.</summary>
    /// <param name="lab">Which.</param>
    /// <param name="compilation">The student's library.</param>
    /// <param name="notes">Where it is said what the driver wrote to the console.</param>
    /// <param name="limit">How long the first check may take that does not end; later ones get 2 seconds.</param>
    /// <param name="recordings">Where recordings of what failed go; null for nowhere.</param>
    public static IReadOnlyList<CheckResult> Run(
        Lab lab, StudentCompilation compilation, List<string> notes, TimeSpan limit, string? recordings)
    {
        string folder = Directory.CreateTempSubdirectory("lab").FullName;
        try
        {
            string library = Path.Combine(folder, "Student.dll");
            File.WriteAllBytes(library, compilation.Library!);
            File.WriteAllBytes(Path.ChangeExtension(library, ".pdb"), compilation.Symbols!);
            return Run(lab, library, notes, limit, recordings);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static CheckResult[] Run(
        Lab lab, string library, List<string> notes, TimeSpan limit, string? recordings)
    {
        CheckResult?[] results = new CheckResult?[lab.Checks.Count];
        for (int first = 0; first < results.Length;)
        {
            string progress = Path.Combine(Path.GetDirectoryName(library)!, $"from-{first}.txt");
            (int? status, string output, string errors) = RunChild(
                lab, library, first, progress, limit, recordings);
            if (output.Trim().Length != 0)
            {
                notes.Add($"the driver wrote: {Shorten(output.Trim())}");
            }

            (Dictionary<int, Finding?> ended, int open) = CheckRun.Read(
                lab, File.Exists(progress) ? File.ReadLines(progress) : []);
            foreach ((int at, Finding? finding) in ended)
            {
                LabCheck check = lab.Checks[at];
                string? recording = recordings is null ? null : CheckRun.RecordingOf(recordings, lab, at);
                results[at] = new CheckResult(check.Name, finding is null ? check.Points : 0, check.Points, finding)
                {
                    Recording = at != open && File.Exists(recording) ? recording : null,
                };
            }

            // What was stopped while it was recorded has its result.
            int stopped = open >= 0 ? open : first + ended.Count;
            if (stopped < results.Length && results[stopped] is null)
            {
                LabCheck check = lab.Checks[stopped];
                results[stopped] = new CheckResult(check.Name, 0, check.Points, Explain(check, status, errors));
                limit = status is null ? s_shortLimit : limit;
            }

            first = stopped + 1;
        }

        return results!;
    }

    private static Finding Explain(LabCheck check, int? status, string errors) => status switch
    {
        null => new Finding(
            check.Clause,
            "the driver loops for ever and asks the machine nothing: no register, no shared memory, no Pause",
            "each loop ends, or looks at something that the device can change"),
        _ when errors.Contains("Stack overflow", StringComparison.Ordinal) => new Finding(
            check.Clause,
            "the driver calls itself without end: the stack overflowed",
            "each call returns"),
        0 => new Finding(
            check.Clause,
            "the driver ended the whole program (Environment.Exit)",
            "a driver returns, or throws; it never ends the machine"),
        _ => new Finding(
            check.Clause,
            $"the driver brought its process down (status {status}): {Shorten(errors.Trim())}",
            "a driver returns, or throws an exception on its own thread"),
    };

    private static (int? Status, string Output, string Errors) RunChild(
        Lab lab, string library, int first, string progress, TimeSpan limit, string? recordings)
    {
        ProcessStartInfo start = new ProcessStartInfo(
            Environment.ProcessPath is { } host && Path.GetFileNameWithoutExtension(host) == "dotnet" ? host : "dotnet",
            [
                typeof(ChildRun).Assembly.Location,
                "run",
                lab.Number.ToString(CultureInfo.InvariantCulture),
                library,
                first.ToString(CultureInfo.InvariantCulture),
                progress,
                .. recordings is null ? Array.Empty<string>() : [recordings],
            ])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["DOTNET_GCHeapHardLimit"] = "0x20000000";
        start.Environment["DOTNET_DbgEnableMiniDump"] = "0";
        start.Environment["DOTNET_TieredPGO"] = "0";
        using Process process = Process.Start(start) ?? throw new InvalidOperationException("dotnet did not start.");
        process.StandardInput.Close();
        Task<string> output = Head(process.StandardOutput);
        Task<string> errors = Head(process.StandardError);
        bool hasEnded = Wait(process, progress, limit);
        if (!hasEnded)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }

        return (hasEnded ? process.ExitCode : null, output.Result, errors.Result);
    }

    /// <summary>Waits for the end of a process, as long as its checks go on: each has the limit for itself.</summary>
    private static bool Wait(Process process, string progress, TimeSpan limit)
    {
        Stopwatch watch = Stopwatch.StartNew();
        long length = 0;
        while (!process.WaitForExit(s_look))
        {
            long now = File.Exists(progress) ? new FileInfo(progress).Length : 0;
            if (now != length)
            {
                length = now;
                watch.Restart();
            }

            // A slow machine may take its time until the first check begins.
            if (watch.Elapsed > (length == 0 ? UsualLimit : limit))
            {
                return false;
            }
        }

        process.WaitForExit();
        return true;
    }

    /// <summary>Reads all that a process writes, and keeps the beginning.</summary>
    private static async Task<string> Head(StreamReader from)
    {
        char[] kept = new char[MostOutput * 4];
        int length = 0;
        char[] buffer = new char[4096];
        int read;
        while ((read = await from.ReadAsync(buffer).ConfigureAwait(false)) > 0)
        {
            int part = Math.Min(read, kept.Length - length);
            buffer.AsSpan(0, part).CopyTo(kept.AsSpan(length));
            length += part;
        }

        return new string(kept, 0, length);
    }

    private static string Shorten(string text) => text.Length <= MostOutput ? text : text[..MostOutput] + "...";
}
