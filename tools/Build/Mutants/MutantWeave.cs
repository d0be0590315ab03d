using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;

namespace VirtioGuest.Build.Mutants;

/// <summary>
/// Puts mutants into sources, so that one build holds many of them. Each place asks whether its mutant is on, and does
/// what it always did if not.
/// </summary>
internal static class MutantWeave
{
    /// <summary>The environment variable with the number of the mutant that is on; 0 or not set for none.</summary>
    public const string Variable = "VIRTIOGUEST_MUTANT";

    /// <summary>Where the switch goes: every other layer can reach Hal.</summary>
    public const string SwitchFile = "src/Hal/Mutants.cs";

    /// <summary>The source of what each place asks.</summary>
    public const string Switch =
        $$"""
        namespace VirtioGuest.Hal
        {
            public static class Mutants
            {
                private static readonly int s_number = int.TryParse(
                    System.Environment.GetEnvironmentVariable("{{Variable}}"), out int number) ? number : 0;

                public static bool Is(int number) => s_number == number;
            }
        }
        """;

    /// <summary>
    /// Divides mutants into groups, one for each build. Mutants of a group may share a place, but they do not overlap
    /// otherwise.
    /// </summary>
    /// <param name="root">The folder that the mutants' files are relative to.</param>
    /// <param name="mutants">The mutants.</param>
    /// <returns>The numbers of each group's mutants: their indices in the list, plus 1.</returns>
    /// <exception cref="BuildFailure">The text of a mutant is missing, or there is more than one.</exception>
    public static IReadOnlyList<IReadOnlyList<int>> Divide(string root, IReadOnlyList<Mutant> mutants)
    {
        Dictionary<string, string> sources = [];
        List<(List<int> Numbers, List<(string File, Range Place)> Places)> groups = [];
        for (int i = 0; i < mutants.Count; i++)
        {
            Mutant mutant = mutants[i];
            if (!sources.TryGetValue(mutant.File, out string? source))
            {
                source = Read(root, mutant);
                sources.Add(mutant.File, source);
            }

            Range place = Find(source, mutant);
            int group = groups.FindIndex(each => !each.Places.Exists(
                other => other.File == mutant.File && !other.Place.Equals(place) && Overlap(other.Place, place)));
            if (group < 0)
            {
                group = groups.Count;
                groups.Add(([], []));
            }

            groups[group].Numbers.Add(i + 1);
            groups[group].Places.Add((mutant.File, place));
        }

        return [.. groups.Select(group => group.Numbers)];
    }

    /// <summary>Puts mutants of one group into the source of one file.</summary>
    /// <param name="source">The file's text.</param>
    /// <param name="mutants">The mutants of this file, with their numbers.</param>
    public static string Weave(string source, IEnumerable<(int Number, Mutant Mutant)> mutants)
    {
        // From the end to the start, so that the places still to come do not move.
        IEnumerable<IGrouping<Range, (int Number, Mutant Mutant)>> places = mutants
            .GroupBy(each => Find(source, each.Mutant))
            .OrderByDescending(place => place.Key.Start.Value);
        var woven = new StringBuilder(source);
        foreach (IGrouping<Range, (int Number, Mutant Mutant)> place in places)
        {
            (int start, int length) = place.Key.GetOffsetAndLength(source.Length);
            string text = source.Substring(start, length);
            foreach ((int number, Mutant mutant) in place)
            {
                string isOn = string.Create(
                    CultureInfo.InvariantCulture, $"global::VirtioGuest.Hal.Mutants.Is({number})");
                text = mutant.IsStatement
                    ? $"if ({isOn}) {{ {mutant.Replacement} }} else {{ {text} }}"
                    : $"({isOn} ? ({mutant.Replacement}) : ({text}))";
            }

            woven.Remove(start, length).Insert(start, text);
        }

        return woven.ToString();
    }

    private static string Read(string root, Mutant mutant)
    {
        string path = Path.Combine(root, mutant.File);
        return File.Exists(path)
            ? File.ReadAllText(path)
            : throw new BuildFailure($"{mutant.Name}: there is no file {mutant.File}");
    }

    private static Range Find(string source, Mutant mutant)
    {
        int from = 0;
        if (mutant.After is { } after)
        {
            from = source.IndexOf(after, StringComparison.Ordinal);
            if (from < 0)
            {
                throw new BuildFailure($"{mutant.Name}: '{after}' is not in {mutant.File}");
            }
        }

        IEnumerable<string> lines = mutant.Original.Split('\n').Select(Regex.Escape);
        Match first = new Regex(string.Join(@"\s*\n\s*", lines)).Match(source, from);
        if (!first.Success)
        {
            throw new BuildFailure($"{mutant.Name}: its text is not in {mutant.File}:\n{mutant.Original}");
        }

        // After a mark, the first place is meant; without a mark there must be only one.
        if (mutant.After is null && first.NextMatch().Success)
        {
            throw new BuildFailure($"{mutant.Name}: its text is in {mutant.File} more than once; add an 'after' line");
        }

        return first.Index..(first.Index + first.Length);
    }

    private static bool Overlap(Range first, Range second) =>
        first.Start.Value < second.End.Value && second.Start.Value < first.End.Value;
}
