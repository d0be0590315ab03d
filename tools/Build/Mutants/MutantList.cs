using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Mutants;

/// <summary>A change of one place in the sources that a test has to notice.</summary>
/// <param name="Name">What it is called; no two have the same name.</param>
/// <param name="Description">What the changed source does, in words.</param>
/// <param name="File">The source file, relative to the root.</param>
/// <param name="After">The place is looked for behind this text; null from the file's start on.</param>
/// <param name="Original">The text that is there: whole statements, or an expression.</param>
/// <param name="Replacement">The text that stands there instead; may be empty where statements are removed.</param>
/// <param name="Tests">What has to notice.</param>
/// <param name="Survives">Why nothing can notice it; null where something has to.</param>
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
    /// <summary>Whether whole statements are replaced, and not an expression.</summary>
    public bool IsStatement => Original[^1] is ';' or '}';
}

/// <summary>A part of a test project.</summary>
/// <param name="Project">The folder under <c>tests</c>.</param>
/// <param name="Filter">Which of its tests, in the words of 'dotnet test --filter'.</param>
internal sealed record MutantScope(string Project, string Filter);

/// <summary>
/// Reads lists of mutants. A list is text of paragraphs; in each, a line starts with a word that says what it is.
/// </summary>
/// <remarks>
/// <code>
/// file src/Drivers/Virtio/Net/VirtioNet.cs       for the mutants that follow
/// tests Drivers.Virtio FullyQualifiedName~Net    likewise
///
/// mutant no-kick: The device is not told of refilled receive buffers.
/// after internal void Refill                     optional: where to begin to look
/// - NotifyIfDue(queue);                          one or more lines that stand there once
/// +                                              one or more lines to put there
/// survives WHY                                   optional
/// </code>
/// Lines that start with # are remarks. How lines are indented does not matter.
/// </remarks>
internal static class MutantList
{
    /// <summary>Reads all lists of a folder, in the order of their names.</summary>
    /// <exception cref="BuildFailure">A list is not understood, or two mutants have one name.</exception>
    public static IReadOnlyList<Mutant> ReadAll(string folder)
    {
        List<Mutant> all = [];
        foreach (string file in Directory.GetFiles(folder, "*.txt").Order(StringComparer.Ordinal))
        {
            all.AddRange(Parse(Path.GetFileName(file), File.ReadAllText(file)));
        }

        string? twice = all.GroupBy(mutant => mutant.Name).FirstOrDefault(group => group.Count() > 1)?.Key;
        return twice is null ? all : throw new BuildFailure($"Two mutants are called {twice}.");
    }

    /// <summary>Reads one list.</summary>
    /// <exception cref="BuildFailure">It is not understood; the message names the line.</exception>
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
                case "mutant" when open is null && rest.Split(": ", 2) is [string name, string description]:
                    open = new Paragraph($"{list}, line {i + 1}", name, description);
                    break;
                case "after" or "-" or "+" or "survives" when open is not null:
                    open.Add(word, rest);
                    break;
                default:
                    throw new BuildFailure($"{list}, line {i + 1}: '{line}' is not understood here.");
            }
        }

        return mutants;
    }

    /// <summary>A mutant of which not all lines have been read.</summary>
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
            return file is null || tests is null
                ? throw new BuildFailure($"{_place}: a mutant needs a file and tests before it.")
                : original.Length == 0 || _replacement.Count == 0
                ? throw new BuildFailure($"{_place}: a mutant needs a line with - and one with +.")
                : original == replacement
                ? throw new BuildFailure($"{_place}: the mutant changes nothing.")
                : new Mutant(_name, _description, file, _after, original, replacement, tests, _survives);
        }
    }
}
