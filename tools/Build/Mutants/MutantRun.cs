using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Threading.Tasks;
using VirtioGuest.Build.Testing;

namespace VirtioGuest.Build.Mutants;

/// <summary>Runs the tests once for each mutant, and reports the mutants that no test noticed.</summary>
internal sealed class MutantRun
{
    // A mutant may hang a test. Tests may take this many times as long as without the mutant, and this much longer.
    private const int Patience = 2;
    private static readonly TimeSpan s_grace = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan s_limitWithoutMutant = TimeSpan.FromMinutes(10);
    private static readonly string[] s_notCopied = ["artifacts", ".git", ".vs", "bin", "obj", "TestResults"];

    private readonly Workspace _workspace;
    private readonly string _folder;
    private readonly IReadOnlyList<Mutant> _mutants;
    private readonly ConcurrentDictionary<MutantScope, TimeSpan> _times = new();
    private readonly Outcome[] _outcomes;

    private MutantRun(Workspace workspace, IReadOnlyList<Mutant> mutants)
    {
        _workspace = workspace;
        _mutants = mutants;
        _folder = Path.Combine(workspace.Artifacts, "mutants");
        _outcomes = new Outcome[mutants.Count];
    }

    private enum Outcome
    {
        Survived,
        Killed,

        /// <summary>The tests did not end, which counts as killed.</summary>
        Hung,
    }

    private string Built => Path.Combine(_folder, "build");

    private static ParallelOptions AtOnce => new() { MaxDegreeOfParallelism = Environment.ProcessorCount };

    /// <summary>Builds the mutants and runs the tests that have to notice them; prints survivors and counts.</summary>
    /// <param name="workspace">Where things are.</param>
    /// <param name="filter">
    /// Only mutants with this in their name, or those of the list that has this name; null for all.
    /// </param>
    /// <returns>0 if every mutant was killed that its list does not call a survivor.</returns>
    public static int Run(Workspace workspace, string? filter)
    {
        TestCounts counts;
        try
        {
            bool isList = filter is not null && File.Exists(Path.Combine(workspace.MutantLists, filter));
            IReadOnlyList<Mutant> all = MutantList.ReadAll(workspace.MutantLists, isList ? filter! : "*.txt");
            IReadOnlyList<Mutant> chosen =
                [.. all.Where(mutant => isList || filter is null
                    || mutant.Name.Contains(filter, StringComparison.Ordinal))];
            if (chosen.Count == 0)
            {
                throw new BuildFailure(
                    filter is null ? "there are no mutants" : $"no mutant has '{filter}' in its name");
            }

            counts = new MutantRun(workspace, chosen).RunAll();
        }
        catch (BuildFailure failure)
        {
            Console.WriteLine(failure.Message);
            counts = TestCounts.OneFailed;
        }

        Console.WriteLine(counts);
        return counts.Failed == 0 ? 0 : 1;
    }

    private TestCounts RunAll()
    {
        IReadOnlyList<IReadOnlyList<int>> groups = MutantWeave.Divide(_workspace.Root, _mutants);
        for (int i = 0; i < groups.Count; i++)
        {
            IReadOnlyList<int> group = groups[i];
            string part = groups.Count == 1 ? string.Empty : $", part {i + 1} of {groups.Count}";
            Progress.Step($"put {group.Count} mutants into the sources{part}", () => Write(group));
            Progress.Step($"compile{part}", () => Compile(group));
            Progress.Step($"tests without a mutant{part}", () => RunWithoutMutant(group));
            Progress.Step($"tests with each mutant{part}", () => RunWithEach(group));
        }

        return Report();
    }

    private void Write(IReadOnlyList<int> numbers)
    {
        string sources = Path.Combine(_folder, "source");
        if (Directory.Exists(sources))
        {
            Directory.Delete(sources, recursive: true);
        }

        Copy(new DirectoryInfo(_workspace.Root), sources);
        File.WriteAllText(Path.Combine(sources, MutantWeave.SwitchFile), MutantWeave.Switch);
        foreach (IGrouping<string, int> file in numbers.GroupBy(number => _mutants[number - 1].File))
        {
            string path = Path.Combine(sources, file.Key);
            IEnumerable<(int, Mutant)> mutants = file.Select(number => (number, _mutants[number - 1]));
            File.WriteAllText(path, MutantWeave.Weave(File.ReadAllText(path), mutants));
        }
    }

    private static void Copy(DirectoryInfo from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (FileInfo file in from.EnumerateFiles())
        {
            file.CopyTo(Path.Combine(to, file.Name));
        }

        foreach (DirectoryInfo folder in from.EnumerateDirectories())
        {
            if (!s_notCopied.Contains(folder.Name))
            {
                Copy(folder, Path.Combine(to, folder.Name));
            }
        }
    }

    private void Compile(IReadOnlyList<int> numbers)
    {
        foreach (string project in TestsOf(numbers).Select(tests => tests.Project).Distinct())
        {
            // Nobody wants to read style warnings about what is woven in.
            ExternalProgram.Run("dotnet",
            [
                "build", ProjectFile(project), "-nologo", "-verbosity:quiet", $"-property:ArtifactsPath={Built}",
                "-property:RunAnalyzers=false", "-property:EnforceCodeStyleInBuild=false",
                "-property:TreatWarningsAsErrors=false", "-property:NoWarn=CS0162%3BCS8600%3BCS8602%3BCS8604",
            ]);
        }
    }

    // Parts differ in mutants that are switched off here, so one part's tests stand for all parts'.
    private void RunWithoutMutant(IReadOnlyList<int> numbers)
    {
        var failures = new ConcurrentQueue<string>();
        Parallel.ForEach(TestsOf(numbers).Where(tests => !_times.ContainsKey(tests)).ToArray(), AtOnce, tests =>
        {
            var watch = Stopwatch.StartNew();
            Outcome outcome = RunTests(tests, 0, s_limitWithoutMutant, out string output);
            _times[tests] = watch.Elapsed;
            if (outcome == Outcome.Survived && tests.Then is { } then)
            {
                watch.Restart();
                MutantScope slow = new(tests.Project, then);
                outcome = RunTests(slow, 0, s_limitWithoutMutant, out output);
                _times[slow] = watch.Elapsed;
            }

            if (outcome != Outcome.Survived)
            {
                failures.Enqueue($"{tests.Project}, {tests.Filter}: the tests fail without a mutant\n{output}");
            }
        });
        if (!failures.IsEmpty)
        {
            throw new BuildFailure(string.Join('\n', failures));
        }
    }

    private void RunWithEach(IReadOnlyList<int> numbers) =>
        Parallel.ForEach(numbers, AtOnce, number =>
        {
            Mutant mutant = _mutants[number - 1];
            Outcome outcome = RunTests(mutant.Tests, number, LimitOf(mutant.Tests), out _);
            if (outcome == Outcome.Survived && mutant.Tests.Then is { } then)
            {
                MutantScope slow = new(mutant.Tests.Project, then);
                outcome = RunTests(slow, number, LimitOf(slow), out _);
            }

            _outcomes[number - 1] = outcome;
            if (!IsExpected(mutant, outcome))
            {
                Console.WriteLine(outcome == Outcome.Survived
                    ? $"SURVIVED {mutant.Name} ({mutant.File}): {mutant.Description}"
                    : $"KILLED {mutant.Name}, which its list calls a survivor: {mutant.Survives}");
            }
        });

    private TimeSpan LimitOf(MutantScope tests) => (_times[tests] * Patience) + s_grace;

    private static bool IsExpected(Mutant mutant, Outcome outcome) =>
        (outcome == Outcome.Survived) == (mutant.Survives is not null);

    private Outcome RunTests(MutantScope tests, int number, TimeSpan limit, out string output)
    {
        (int? status, string standard, string errors) = ExternalProgram.RunFor(
            limit,
            "dotnet",
            ["test", AssemblyFile(tests.Project), "--filter", tests.Filter, "--", "NUnit.StopOnError=true"],
            new Dictionary<string, string>
            {
                [MutantWeave.Variable] = number.ToString(CultureInfo.InvariantCulture),
                ["VIRTIOGUEST_NIGHTLY"] = "0",
            });
        output = standard + errors;
        if (status == 0 && !output.Contains("Passed!", StringComparison.Ordinal))
        {
            throw new BuildFailure($"{tests.Project}: no test matches {tests.Filter}");
        }

        return status switch
        {
            null => Outcome.Hung,
            0 => Outcome.Survived,
            _ => Outcome.Killed,
        };
    }

    /// <summary>Prints how many were killed, and writes a table of all mutants.</summary>
    private TestCounts Report()
    {
        TestCounts counts = default;
        var table = new StringBuilder("| mutant | what it does | outcome |\n| --- | --- | --- |\n");
        for (int i = 0; i < _mutants.Count; i++)
        {
            Mutant mutant = _mutants[i];
            Outcome outcome = _outcomes[i];
            counts += IsExpected(mutant, outcome) ? new TestCounts(1, 0, 0) : TestCounts.OneFailed;
            string words = outcome switch
            {
                Outcome.Killed => "killed",
                Outcome.Hung => "killed: the tests did not end",
                _ => $"survived: {mutant.Survives ?? "no reason is known"}",
            };
            table.Append(CultureInfo.InvariantCulture, $"| {mutant.Name} | {mutant.Description} | {words} |\n");
        }

        int survived = _outcomes.Count(outcome => outcome == Outcome.Survived);
        string summary = $"{_mutants.Count} mutants, {_mutants.Count - survived} killed, {survived} survived";
        Console.WriteLine(summary);
        File.WriteAllText(Path.Combine(_workspace.Artifacts, "mutants.md"), $"{summary}\n\n{table}");
        return counts;
    }

    private IEnumerable<MutantScope> TestsOf(IReadOnlyList<int> numbers) =>
        numbers.Select(number => _mutants[number - 1].Tests).Distinct();

    // 'dotnet test' looks at no sources if it is given the assembly rather than the project.
    private string AssemblyFile(string project)
    {
        string name = Path.GetFileNameWithoutExtension(ProjectFile(project));
        return Path.Combine(Built, "bin", name, "debug", name + ".dll");
    }

    private string ProjectFile(string project)
    {
        string folder = Path.Combine(_folder, "source", "tests", project);
        string[] found = Directory.Exists(folder) ? Directory.GetFiles(folder, "*.csproj") : [];
        return found is [string file] ? file : throw new BuildFailure($"tests/{project} is not a test project");
    }
}
