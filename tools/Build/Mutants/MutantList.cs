using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Mutants;

/// <summary>A change in one place of the sources that a test has to notice.</summary>
/// <param name="Name">Unique among all mutants.</param>
/// <param name="Description">What the changed source does, in words.</param>
/// <param name="File">The source file, relative to the root.</param>
/// <param name="After">The search for the place begins behind this text; null for the start of the file.</param>
/// <param name="Original">The text to replace: whole statements, or an expression.</param>
/// <param name="Replacement">What replaces it; may be empty where statements are removed.</param>
/// <param name="Tests">What has to notice.</param>
/// <param name="Survives">Why nothing can notice it; null if a test has to.</param>
internal sealed record Mutant(
    string Name,
    string Description,
    string File,
    string? After,
    string Original,
    string Replacement,
    MutantScope Tests,
    string? Survives)
{
    /// <summary>Whether it replaces whole statements rather than an expression.</summary>
    public bool IsStatement => Original[^1] is ';' or '}';
}

/// <summary>A part of a test project.</summary>
/// <param name="Project">The folder under <c>tests</c>.</param>
/// <param name="Filter">Which of its tests, written as for 'dotnet test --filter'.</param>
/// <param name="Then">Slow ones that are run only where those notice nothing; null for none.</param>
internal sealed record MutantScope(string Project, string Filter, string? Then = null);

/// <summary>
/// Reads lists of mutants. A list is a text of paragraphs; the first word of each line says what the line is.
/// </summary>
/// <remarks>
/// <code>
/// file src/Drivers/Virtio/Net/VirtioNet.cs       for the mutants that follow
/// tests Drivers.Virtio FullyQualifiedName~Net    likewise
/// then FullyQualifiedName~Proofs                 optional: slow ones, where those notice nothing
///
/// mutant no-kick: The device is not told of refilled receive buffers.
/// after internal void Refill                     optional: where the search begins
/// - NotifyIfDue(queue);                          one or more lines that occur there once
/// +                                              one or more lines that replace them
/// survives WHY                                   optional
/// </code>
/// Lines that start with # are comments. Indentation does not matter.
/// </remarks>
internal static class MutantList
{
    /// <summary>Reads lists of a folder, in the order of their names.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="pattern">Which files; all lists unless told otherwise.</param>
    /// <exception cref="BuildFailure">A list is malformed, or two mutants have the same name.</exception>
    public static IReadOnlyList<Mutant> ReadAll(string folder, string pattern = "*.txt")
    {
        List<Mutant> all = [];
        foreach (string file in Directory.GetFiles(folder, pattern).Order(StringComparer.Ordinal))
        {
            all.AddRange(Parse(Path.GetFileName(file), File.ReadAllText(file)));
        }

        string? twice = all.GroupBy(mutant => mutant.Name).FirstOrDefault(group => group.Count() > 1)?.Key;
        return twice is null ? all : throw new BuildFailure($"two mutants are called {twice}");
    }

    /// <exception cref="BuildFailure">The list is malformed; the message names the line.</exception>
    internal static IReadOnlyList<Mutant> Parse(string list, string text)
    {
        List<Mutant> mutants = [];
        string? file = null;
        MutantScope? tests = null;
        Paragraph? open = null;
        string[] lines = text.Split('\n');
        for (int i = 0; i <= lines.Length; i++)
        {
            string line = i < lines.Length ? lines[i].Trim() : string.Empty;
            int space = line.IndexOf(' ', StringComparison.Ordinal);
            string word = space < 0 ? line : line[..space];
            string rest = space < 0 ? string.Empty : line[space..].Trim();
            switch (word)
            {
                case "" when open is not null:
                    mutants.Add(open.Close(file, tests));
                    open = null;
                    break;
                case "" or "#":
                    break;
                case "file" when open is null:
                    file = rest;
                    break;
                case "tests" when rest.Split(' ', 2, StringSplitOptions.TrimEntries) is [string project, string filter]:
                    tests = new MutantScope(project, filter);
                    break;
                case "then" when open is null && tests is { Then: null }:
                    tests = tests with { Then = rest };
                    break;
                case "mutant" when open is null && rest.Split(": ", 2) is [string name, string description]:
                    open = new Paragraph($"{list}, line {i + 1}", name, description);
                    break;
                case "after" or "-" or "+" or "survives" when open is not null:
                    open.Add(word, rest);
                    break;
                default:
                    throw new BuildFailure($"{list}, line {i + 1}: '{line}' makes no sense here");
            }
        }

        return mutants;
    }

    /// <summary>A mutant whose lines are still being read.</summary>
    private sealed class Paragraph
    {
        private readonly string _place;
        private readonly string _name;
        private readonly string _description;
        private readonly List<string> _original = [];
        private readonly List<string> _replacement = [];
        private string? _after;
        private string? _survives;

        public Paragraph(string place, string name, string description)
        {
            _place = place;
            _name = name;
            _description = description;
        }

        public void Add(string word, string rest)
        {
            switch (word)
            {
                case "after":
                    _after = rest;
                    break;
                case "-":
                    _original.Add(rest);
                    break;
                case "+":
                    _replacement.Add(rest);
                    break;
                default:
                    _survives = rest;
                    break;
            }
        }

        public Mutant Close(string? file, MutantScope? tests)
        {
            string original = string.Join('\n', _original);
            string replacement = string.Join('\n', _replacement);
            if (file is null || tests is null)
            {
                throw new BuildFailure($"{_place}: a mutant needs a file and tests before it");
            }

            if (original.Length == 0 || _replacement.Count == 0)
            {
                throw new BuildFailure($"{_place}: a mutant needs a line with '-' and one with '+'");
            }

            if (original == replacement)
            {
                throw new BuildFailure($"{_place}: the mutant changes nothing");
            }

            return new Mutant(_name, _description, file, _after, original, replacement, tests, _survives);
        }
    }
}
