using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;
using VirtioGuest.Build.Cosmos;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Testing;

/// <summary>Builds everything, checks the layout of the sources and runs all tests.</summary>
internal static class TestRun
{
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(15);
    private static readonly TimeSpan s_nightlyLimit = TimeSpan.FromHours(4);

    /// <summary>
    /// Runs. The last line that it prints is <c>N passed, N failed</c>, and <c>, N skipped</c> where any was.
    /// </summary>
    /// <returns>0 where tests ran and none failed.</returns>
    public static int Run(Workspace workspace, bool nightly, string? filter)
    {
        TestCounts counts = default;
        try
        {
            ImageBuild.Run(workspace);
            counts += BuildCosmos(workspace);
            Progress progress = new();
            progress.Step("compile the solution", () => Compile(workspace));
            if (filter is null)
            {
                counts += progress.Step("check the layout of the sources", () => CheckFormat(workspace, nightly));
            }

            counts += RunProjects(workspace, progress, nightly, filter);
        }
        catch (BuildFailure failure)
        {
            counts += Complain(failure.Message);
        }

        if (counts.Passed + counts.Failed == 0)
        {
            counts += Complain(filter is null ? "no test ran" : $"no test matches {filter}");
        }

        Console.WriteLine(counts);
        return counts.Failed == 0 ? 0 : 1;
    }

    private static void Compile(Workspace workspace) => ExternalProgram.Run(
        "dotnet",
        ["build", workspace.Solution, "-nologo", "-verbosity:quiet", $"-property:ArtifactsPath={workspace.Artifacts}"]);

    /// <summary>Builds the Cosmos kernel where it can be built; its tests are skipped where there is none.</summary>
    private static TestCounts BuildCosmos(Workspace workspace)
    {
        if (!string.IsNullOrEmpty(Environment.GetEnvironmentVariable(CosmosImage.ImageVariable)))
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
            CosmosImage.Build(workspace, devkit);
            return default;
        }
        catch (BuildFailure failure)
        {
            return Complain($"The Cosmos kernel was not built.\n{failure.Message}");
        }
    }

    private static TestCounts CheckFormat(Workspace workspace, bool nightly)
    {
        try
        {
            SourceFormat.Check(workspace, everything: nightly);
            return default;
        }
        catch (BuildFailure failure)
        {
            return Complain(
                $"The sources are not in the house's layout; ./build.sh format mends most of it.\n{failure.Message}");
        }
    }

    private static TestCounts RunProjects(Workspace workspace, Progress progress, bool nightly, string? filter)
    {
        if (Directory.Exists(workspace.TestResults))
        {
            Directory.Delete(workspace.TestResults, recursive: true);
        }

        Stopwatch watch = Stopwatch.StartNew();
        TimeSpan limit = nightly ? s_nightlyLimit : s_limit;
        TestCounts counts = default;
        foreach (string project in Projects(workspace))
        {
            TestProject test = new(workspace, project, nightly, filter);
            string name = Path.GetFileNameWithoutExtension(project);
            counts += progress.Step(name, () => test.Run(limit - watch.Elapsed));
        }

        return counts;
    }

    /// <summary>The test projects: those that need no machine first, because they are quick.</summary>
    private static IEnumerable<string> Projects(Workspace workspace) =>
        Directory.EnumerateFiles(Path.Combine(workspace.Root, "tests"), "*.Tests.csproj", SearchOption.AllDirectories)
            .OrderBy(path => Path.GetFileName(path).Contains("Qemu", StringComparison.Ordinal))
            .ThenBy(path => path, StringComparer.Ordinal);

    private static TestCounts Complain(string message)
    {
        Console.WriteLine(message);
        return new TestCounts(0, 1, 0);
    }
}
