using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Xml.Linq;

namespace VirtioGuest.Build.Testing;

/// <summary>Runs a test project that has been built.</summary>
internal sealed class TestProject
{
    /// <summary>If these settings lie beside a project, its branches are counted.</summary>
    private const string CoverageSettings = "coverage.runsettings";

    /// <summary>What the runner prints if a filter leaves nothing of a project.</summary>
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

    public string Name => Path.GetFileNameWithoutExtension(_project);

    /// <summary>How much there is to test, for suites to be compared by: bytes of sources.</summary>
    public long Weight => new DirectoryInfo(Path.GetDirectoryName(_project)!)
        .EnumerateFiles("*.cs", SearchOption.AllDirectories)
        .Sum(file => file.Length);

    /// <summary>Runs the tests.</summary>
    /// <param name="limit">How long they may take; after that they are killed, which counts as one failure.</param>
    /// <param name="notes">Takes the tests that failed and what else there is to say, a line each.</param>
    public TestCounts Run(TimeSpan limit, ICollection<string> notes)
    {
        string name = Name;
        string report = Path.Combine(_workspace.TestResults, name + ".trx");
        List<string> arguments =
        [
            "test", _project, "--no-build", "-nologo", $"-property:ArtifactsPath={_workspace.Artifacts}",
            "--logger", $"trx;LogFileName={name}.trx", "--results-directory", _workspace.TestResults,
        ];
        if (_filter is not null)
        {
            arguments.AddRange(["--filter", _filter]);
        }

        string settings = Path.Combine(Path.GetDirectoryName(_project)!, CoverageSettings);
        bool countsBranches = _filter is null && File.Exists(settings);
        if (countsBranches)
        {
            arguments.AddRange(["--settings", settings]);
        }

        (int? status, string output, string errors) = ExternalProgram.RunFor(
            limit,
            "dotnet",
            arguments,
            new Dictionary<string, string>
            {
                ["VIRTIOGUEST_ARTIFACTS"] = _workspace.Artifacts,
                ["VIRTIOGUEST_NIGHTLY"] = _nightly ? "1" : "0",
            });
        TestReport? result = File.Exists(report) ? TestReport.Read(report) : null;
        foreach (string failure in result?.Failures ?? [])
        {
            notes.Add(failure);
        }

        TestCounts counts = result?.Counts ?? default;
        if (status is not { } code)
        {
            notes.Add($"{name} was killed: the time for all tests is up");
            return counts + TestCounts.OneFailed;
        }

        if (!IsComplete(result, code, _filter is not null, output))
        {
            notes.Add($"{name} did not run to its end:\n{output}{errors}");
            return counts + TestCounts.OneFailed;
        }

        return countsBranches ? counts + CountBranches(notes) : counts;
    }

    /// <summary>
    /// Whether a runner that has ended ran all its tests. One that was interrupted can exit with status 0 and without a
    /// report, and then nothing is known to have passed.
    /// </summary>
    internal static bool IsComplete(TestReport? report, int status, bool isFiltered, string output) =>
        report is null
        ? status == 0 && isFiltered && output.Contains(NoMatch, StringComparison.Ordinal)
        : status == 0 || report.Counts.Failed > 0;

    /// <summary>Notes how many branches were taken; a folder with too few counts as a failed test.</summary>
    private TestCounts CountBranches(ICollection<string> notes)
    {
        IReadOnlyList<BranchCoverage> folders = BranchCoverage.ReadAll(_workspace.TestResults);
        int failed = folders.Count == 0 ? 1 : 0;
        notes.Add(failed == 0 ? string.Join('\n', folders) : "There is no report of the branches taken.");
        foreach (BranchCoverage folder in folders)
        {
            if (!folder.IsEnough)
            {
                notes.Add($"FAILED {folder.Folder}: {BranchCoverage.Required} % of branches are required");
                failed++;
            }
        }

        return new TestCounts(0, failed, 0);
    }
}

/// <summary>How many tests passed, failed and were skipped.</summary>
internal readonly record struct TestCounts(int Passed, int Failed, int Skipped)
{
    public static TestCounts OneFailed => new(0, 1, 0);

    public static TestCounts operator +(TestCounts left, TestCounts right) =>
        new(left.Passed + right.Passed, left.Failed + right.Failed, left.Skipped + right.Skipped);

    public override string ToString() =>
        Skipped == 0 ? $"{Passed} passed, {Failed} failed" : $"{Passed} passed, {Failed} failed, {Skipped} skipped";
}

/// <summary>What a report in Visual Studio's format (TRX) says.</summary>
/// <param name="Counts">How the tests ended.</param>
/// <param name="Failures">Name, message and stack trace of each test that failed.</param>
internal sealed record TestReport(TestCounts Counts, IReadOnlyList<string> Failures)
{
    public static TestReport Read(string path) => Parse(XDocument.Load(path));

    internal static TestReport Parse(XDocument report)
    {
        XNamespace schema = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";
        int passed = 0;
        int skipped = 0;
        List<string> failures = [];
        foreach (XElement result in report.Descendants(schema + "UnitTestResult"))
        {
            switch ((string?)result.Attribute("outcome"))
            {
                case "Passed":
                    passed++;
                    break;
                case "NotExecuted":
                    skipped++;
                    break;
                default:
                    IEnumerable<XElement> details = result.Descendants(schema + "ErrorInfo").Elements();
                    string text = string.Join("\n", details.Select(part => part.Value));
                    failures.Add($"FAILED {(string?)result.Attribute("testName")}\n{text}");
                    break;
            }
        }

        return new TestReport(new TestCounts(passed, failures.Count, skipped), failures);
    }
}
