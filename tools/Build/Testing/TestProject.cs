using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading.Tasks;

namespace VirtioGuest.Build.Testing;

/// <summary>Runs one test project that is built already.</summary>
internal sealed class TestProject
{
    /// <summary>A project with these settings beside it has its branches counted.</summary>
    private const string CoverageSettings = "coverage.runsettings";

    /// <summary>What the runner says where a filter leaves nothing of a project.</summary>
    private const string NoMatch = "No test matches";

    private readonly Workspace _workspace;
    private readonly string _project;
    private readonly bool _nightly;
    private readonly string? _filter;

    public TestProject(Workspace workspace, string project, bool nightly, string? filter)
    {
        _workspace = workspace;
        _project = project;
        _nightly = nightly;
        _filter = filter;
    }

    /// <summary>Runs the tests and prints those that failed.</summary>
    /// <param name="limit">How long they may take; then they are ended and count as one failure.</param>
    public TestCounts Run(TimeSpan limit)
    {
        string name = Path.GetFileNameWithoutExtension(_project);
        string report = Path.Combine(_workspace.TestResults, name + ".trx");
        ProcessStartInfo start = new("dotnet")
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            ArgumentList =
            {
                "test", _project, "--no-build", "-nologo", $"-property:ArtifactsPath={_workspace.Artifacts}",
                "--logger", $"trx;LogFileName={name}.trx", "--results-directory", _workspace.TestResults,
            },
        };
        if (_filter is not null)
        {
            start.ArgumentList.Add("--filter");
            start.ArgumentList.Add(_filter);
        }

        string settings = Path.Combine(Path.GetDirectoryName(_project)!, CoverageSettings);
        bool countsBranches = _filter is null && File.Exists(settings);
        if (countsBranches)
        {
            start.ArgumentList.Add("--settings");
            start.ArgumentList.Add(settings);
        }

        start.Environment["VIRTIOGUEST_ARTIFACTS"] = _workspace.Artifacts;
        start.Environment["VIRTIOGUEST_NIGHTLY"] = _nightly ? "1" : "0";
        using Process process = ExternalProgram.Start(start);
        using IDisposable end = ExternalProgram.EndWithThisProcess(process);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(limit < TimeSpan.Zero ? TimeSpan.Zero : limit);
        if (!ended)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }

        TestReport? result = File.Exists(report) ? TestReport.Read(report) : null;
        foreach (string failure in result?.Failures ?? [])
        {
            Console.WriteLine(failure);
        }

        if (!ended)
        {
            Console.WriteLine($"{name} was ended: the time for all tests is over");
        }
        else if (!IsComplete(result, process.ExitCode, _filter is not null, output.Result))
        {
            ended = false;
            Console.WriteLine($"{name} did not run to its end:\n{output.Result}{errors.Result}");
        }

        TestCounts counts = result?.Counts ?? default;
        counts += ended && countsBranches ? CountBranches() : default;
        return ended ? counts : counts + new TestCounts(0, 1, 0);
    }

    /// <summary>Prints how many branches were taken; a folder with too few counts as a failed test.</summary>
    private TestCounts CountBranches()
    {
        IReadOnlyList<BranchCoverage> folders = BranchCoverage.ReadAll(_workspace.TestResults);
        int failed = folders.Count == 0 ? 1 : 0;
        Console.WriteLine(failed == 0 ? string.Join('\n', folders) : "No report tells which branches were taken.");
        foreach (BranchCoverage folder in folders)
        {
            if (!folder.IsEnough)
            {
                Console.WriteLine($"FAILED {folder.Folder}: {BranchCoverage.Wanted} % of branches are wanted");
                failed++;
            }
        }

        return new TestCounts(0, failed, 0);
    }

    /// <summary>
    /// Whether a runner that has ended ran all its tests. An interrupted one can end with status 0 and leaves no
    /// report: then nothing is known to have passed.
    /// </summary>
    internal static bool IsComplete(TestReport? report, int status, bool isFiltered, string output) =>
        report is null
        ? status == 0 && isFiltered && output.Contains(NoMatch, StringComparison.Ordinal)
        : status == 0 || report.Counts.Failed > 0;
}
