using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using Spectre.Console;
using VirtioGuest.Build.Guest;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>
/// Runs the same workloads in our guest and in Linux, in turns, so that a change of the machine's speed hits both.
/// </summary>
internal static class Comparison
{
    public const int UsualRounds = 5;
    public const int MaximumRounds = 99;

    /// <summary>Builds what has changed, measures, prints a table, and writes artifacts/bench.</summary>
    /// <param name="workspace">Where everything is.</param>
    /// <param name="rounds">How often each workload is run, 1 to <see cref="MaximumRounds"/>.</param>
    /// <param name="only">
    /// Runs only the workloads with this in their name, and writes no files; null for all.
    /// </param>
    /// <exception cref="BuildFailure">Linux is missing, or a guest did not do its work.</exception>
    public static void Run(Workspace workspace, int rounds, string? only)
    {
        ILookup<bool, Workload> chosen = Choose(only).ToLookup(workload => workload.IsPossible);
        ComparisonRow[] rows = [.. chosen[true].Select(workload => new ComparisonRow(workload))];
        foreach (Workload workload in chosen[false])
        {
            Console.WriteLine($"{workload.Name} is left out: no tap device can be made here");
        }

        LinuxGuest linux = LinuxGuest.Prepare(workspace);
        ImageBuild.Run(workspace);

        string stage = "";
        Progress.Step(
            "run the workloads in both guests",
            () => RunInTurns(new OwnGuest(workspace), linux, rows, rounds, now => stage = now),
            () => stage);

        string version = ExternalProgram.Run(QemuCommand.Program, ["--version"]).Split('\n')[0];
        var report = new ComparisonReport(rows, version, linux.Release);
        AnsiConsole.Write(report.ToTable());
        Console.WriteLine(string.Join(Environment.NewLine, report.Method));
        if (only is null)
        {
            Directory.CreateDirectory(workspace.Comparisons);
            foreach ((string name, string content) in new[]
            {
                ("linux.json", report.ToJson()),
                ("linux.md", report.ToMarkdown()),
                ("linux.svg", ComparisonChart.Draw(report)),
            })
            {
                File.WriteAllText(Path.Combine(workspace.Comparisons, name), content);
            }
        }
    }

    /// <summary>The workloads with a text in their name; all of them for null.</summary>
    public static Workload[] Choose(string? only)
    {
        Workload[] chosen =
        [
            .. Workload.All.Where(one => only is null || one.Name.Contains(only, StringComparison.Ordinal)),
        ];
        return chosen.Length > 0
            ? chosen
            : throw new BuildFailure(
                $"no workload has '{only}' in its name: {string.Join(", ", Workload.All.Select(one => one.Name))}");
    }

    /// <summary>
    /// Runs each workload in both guests, one right after the other, and then the next; who is first changes with
    /// every round.
    /// </summary>
    public static void RunInTurns(
        Contestant own, Contestant linux, IReadOnlyList<ComparisonRow> rows, int rounds, Action<string> tell)
    {
        for (int round = 0; round < rounds; round++)
        {
            foreach (ComparisonRow row in rows)
            {
                tell($"round {round + 1} of {rounds}, {row.Workload.Name}");
                Sample? ours = round % 2 == 0 ? RunIfAble(own, row.Workload) : null;
                Sample theirs = linux.Run(row.Workload);
                row.Add(ours ?? RunIfAble(own, row.Workload), theirs);
            }
        }
    }

    private static Sample? RunIfAble(Contestant guest, Workload workload) =>
        guest.CanRun(workload) ? guest.Run(workload) : null;
}
