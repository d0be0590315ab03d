using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading;
using VirtioGuest.Build.Cosmos;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Testing;

/// <summary>Builds everything, checks the format of the sources and runs all tests.</summary>
internal static class TestRun
{
    // A machine of two cores takes about 10; a slow one is no failure.
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(25);
    private static readonly TimeSpan s_nightlyLimit = TimeSpan.FromHours(4);

    /// <summary>Programs that run in the place of the shell, which tests boot.</summary>
    private static readonly (string Program, string[] Sources)[] s_programs =
    [
        ("tests/Guests/Sockets", []),
        ("tests/Guests/Labs", ["labs/Kit", "labs/Guest", "labs/answers"]),
        ("samples/WebApp", []),
    ];

    /// <summary>The last line printed is <c>N passed, N failed</c>, and <c>, N skipped</c> if any was.</summary>
    /// <returns>0 if tests ran and none failed.</returns>
    public static int Run(Workspace workspace, bool nightly, string? filter)
    {
        TestCounts counts = default;
        try
        {
            ImageBuild.Run(workspace);
            counts += BuildCosmos(workspace);
            Progress.Step("compile the solution", () => Compile(workspace));
            counts += RunProjects(workspace, nightly, filter);
        }
        catch (BuildFailure failure)
        {
            counts += Fail(failure.Message);
        }

        if (counts.Passed + counts.Failed == 0)
        {
            counts += Fail(filter is null ? "no test ran" : $"no test matches {filter}");
        }

        Console.WriteLine(counts);
        return counts.Failed == 0 ? 0 : 1;
    }

    /// <summary>Formats the sources as .editorconfig says.</summary>
    public static void Format(Workspace workspace) => ExternalProgram.Run("dotnet", ["format", workspace.Solution]);

    // One compiler for all projects: where each starts its own, loading the analyzers takes longer than their work.
    private static void Compile(Workspace workspace) => ExternalProgram.Run(
        "dotnet",
        [
            "build", workspace.Solution, "-nologo", "-verbosity:quiet",
            $"-property:ArtifactsPath={workspace.Artifacts}", "-property:UseSharedCompilation=true",
        ]);

    /// <summary>Makes what boots in the place of the shell. The labs may be published without their answers.</summary>
    private static TestCounts MakePrograms(Workspace workspace)
    {
        foreach ((string program, string[] sources) in s_programs)
        {
            string folder = Path.Combine(workspace.Root, program);
            if (Directory.Exists(folder))
            {
                ImageBuild.Run(workspace.For(folder, [.. sources.Select(each => Path.Combine(workspace.Root, each))]));
            }
        }

        return default;
    }

    /// <summary>Builds the Cosmos kernel if there is a devkit. Without one, the kernel's tests are skipped.</summary>
    private static TestCounts BuildCosmos(Workspace workspace)
    {
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CosmosBuild.ImageVariable)))
        {
            return default;
        }

        CosmosDevkit devkit = CosmosDevkit.Locate(null);
        if (devkit.Problem is { } problem)
        {
            Console.WriteLine($"The Cosmos kernel is left out. {problem}");
            return default;
        }

        try
        {
            CosmosBuild.Image(workspace, devkit);
            return default;
        }
        catch (BuildFailure failure)
        {
            return Fail($"The Cosmos kernel was not built.\n{failure.Message}");
        }
    }

    /// <summary>
    /// Checks that 'dotnet format' would change no white space or, in the nightly run, nothing at all.
    /// That takes minutes, and the ordinary build already treats what the compiler and its analyzers find as errors.
    /// </summary>
    private static TestCounts CheckFormat(Workspace workspace, bool nightly, List<string> notes)
    {
        string[] part = nightly ? [] : ["whitespace"];
        try
        {
            ExternalProgram.Run(
                "dotnet", ["format", .. part, workspace.Solution, "--no-restore", "--verify-no-changes"]);
            return default;
        }
        catch (BuildFailure failure)
        {
            notes.Add(
                $"The sources are not formatted; './build.sh format' corrects most of it.\n{failure.Message}");
            return TestCounts.OneFailed;
        }
    }

    private static TestCounts RunProjects(Workspace workspace, bool nightly, string? filter)
    {
        if (Directory.Exists(workspace.TestResults))
        {
            Directory.Delete(workspace.TestResults, recursive: true);
        }

        var watch = Stopwatch.StartNew();
        TimeSpan limit = nightly ? s_nightlyLimit : s_limit;
        TestCounts counts = default;
        var gate = new Lock();
        List<(string, Func<IEnumerable<string>>)> hosts = [];
        List<(string, Func<IEnumerable<string>>)> guests = [];
        foreach (TestProject project in Projects(workspace, nightly, filter).OrderByDescending(one => one.Weight))
        {
            List<(string, Func<IEnumerable<string>>)> kind = BootsGuests(project) ? guests : hosts;
            kind.Add(Counted(project.Name, notes => project.Run(limit - watch.Elapsed, notes)));
        }

        // Only guests need them, and linking keeps one processor busy.
        hosts.Insert(0, Counted("make the programs that tests boot", _ => MakePrograms(workspace)));
        if (filter is null)
        {
            hosts.Add(Counted("check the format of the sources", notes => CheckFormat(workspace, nightly, notes)));
        }

        // Suites that boot guests keep all processors busy by themselves, and their guests' clocks run on.
        Progress.Steps(hosts, Environment.ProcessorCount);
        Progress.Steps(guests, 1);
        return counts;

        (string, Func<IEnumerable<string>>) Counted(string what, Func<List<string>, TestCounts> run)
        {
            return (what, Count);

            List<string> Count()
            {
                List<string> notes = [];
                TestCounts more;
                try
                {
                    more = run(notes);
                }
                catch (BuildFailure failure)
                {
                    notes.Add(failure.Message);
                    more = TestCounts.OneFailed;
                }

                lock (gate)
                {
                    counts += more;
                }

                return notes;
            }
        }
    }

    private static IEnumerable<TestProject> Projects(Workspace workspace, bool nightly, string? filter) =>
        Directory.EnumerateFiles(Path.Combine(workspace.Root, "tests"), "*.Tests.csproj", SearchOption.AllDirectories)
            .Select(path => new TestProject(workspace, path, nightly, filter));

    private static bool BootsGuests(TestProject project) => project.Name.Contains("Qemu", StringComparison.Ordinal);

    private static TestCounts Fail(string message)
    {
        Console.WriteLine(message);
        return TestCounts.OneFailed;
    }
}
