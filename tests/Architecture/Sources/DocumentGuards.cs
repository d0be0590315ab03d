using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;

namespace VirtioGuest.Architecture.Tests.Sources;

/// <summary>What a document says of the sources is true. Each guard gives one line per offence.</summary>
public static partial class DocumentGuards
{
    private const string Fence = "```";

    /// <summary>
    /// A code block that names a file behind its language is a quotation: its lines stand in that file, one below the
    /// other, at any indentation.
    /// </summary>
    /// <param name="document">The document.</param>
    /// <param name="files">Every file that may be quoted.</param>
    public static IEnumerable<string> FalseQuotations(SourceFile document, IReadOnlyList<SourceFile> files)
    {
        foreach ((int line, string path, string[] quoted) in Quotations(document))
        {
            SourceFile? file = files.FirstOrDefault(each => each.Path == path);
            if (file is null)
            {
                yield return $"{document}({line}): quotes {path}, which does not exist";
            }
            else if (FirstFalseLine(quoted, file.Lines) is int at)
            {
                yield return $"{document}({line + 1 + at}): does not stand in {path} like this: {quoted[at].Trim()}";
            }
        }
    }

    /// <summary>The code blocks that name a file: the line of the fence, the file, and what is quoted.</summary>
    public static IEnumerable<(int Line, string Path, string[] Quoted)> Quotations(SourceFile document)
    {
        string[] lines = document.Lines;
        for (int start = 0; start < lines.Length; start++)
        {
            if (lines[start].StartsWith(Fence, StringComparison.Ordinal))
            {
                int end = Array.FindIndex(lines, start + 1, line => line == Fence);
                end = end < 0 ? lines.Length : end;
                string[] words = lines[start][Fence.Length..].Split(' ');
                if (words.Length == 2)
                {
                    yield return (start + 1, words[1], lines[(start + 1)..end]);
                }

                start = end;
            }
        }
    }

    /// <summary>A path in backquotes that begins with a folder of the repository leads to something.</summary>
    /// <remarks>A C# file may be named without its ending. A name with a wildcard or a placeholder is none.</remarks>
    public static IEnumerable<string> DeadPaths(SourceFile document, IReadOnlyList<SourceFile> files) =>
        document.Lines.SelectMany((line, index) => PathPattern().Matches(line)
            .Select(match => match.Groups[1].Value)
            .Where(path => !files.Any(file => file.Path == path || file.Path == path + ".cs"
                || file.Path.StartsWith(path.TrimEnd('/') + "/", StringComparison.Ordinal)))
            .Select(path => $"{document}({index + 1}): there is no {path}"));

    /// <summary>A word in backquotes that looks like a name of the sources stands in one of them.</summary>
    /// <param name="document">The document.</param>
    /// <param name="sources">Where names may stand.</param>
    /// <param name="ownNames">What the names that the document itself makes up have in them.</param>
    public static IEnumerable<string> DeadNames(
        SourceFile document, IEnumerable<SourceFile> sources, string ownNames)
    {
        HashSet<string> words =
            [.. sources.SelectMany(file => WordPattern().Matches(file.Text)).Select(word => word.Value)];
        return document.Lines.SelectMany((line, index) => NamePattern().Matches(line)
            .Select(match => match.Groups[1].Value)
            .Where(name => !words.Contains(name) && !name.Contains(ownNames, StringComparison.Ordinal))
            .Select(name => $"{document}({index + 1}): nothing is called {name}"));
    }

    private static int? FirstFalseLine(string[] quoted, string[] lines)
    {
        int best = Enumerable.Range(0, lines.Length).Max(start => SameLines(quoted, lines.AsSpan(start)));
        return best == quoted.Length ? null : best;
    }

    /// <summary>How many lines from the first on are the same but for one indentation of all.</summary>
    private static int SameLines(string[] quoted, ReadOnlySpan<string> lines)
    {
        int same = 0;
        string indentation = new(' ', Math.Max(0, lines[0].Length - quoted.FirstOrDefault("").Length));
        while (same < quoted.Length && same < lines.Length
            && lines[same] == (quoted[same].Length == 0 ? "" : indentation + quoted[same]))
        {
            same++;
        }

        return same;
    }

    [GeneratedRegex(@"`((?:src|tests|tools|docs|iso)/[\w./-]*)`")]
    private static partial Regex PathPattern();

    [GeneratedRegex(@"\w+")]
    private static partial Regex WordPattern();

    [GeneratedRegex("`([A-Z][A-Za-z0-9]*[a-z][A-Za-z0-9]*)`")]
    private static partial Regex NamePattern();
}
