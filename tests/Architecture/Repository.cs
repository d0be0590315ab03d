using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using VirtioGuest.Architecture.Tests.Sources;

namespace VirtioGuest.Architecture.Tests;

/// <summary>The sources that these tests were built from.</summary>
public static class Repository
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = typeof(Repository).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(each => each.Key == nameof(Repository)).Value!;

    private static readonly Lazy<IReadOnlyList<SourceFile>> s_files = new(() => [.. ReadFolder(Root)]);

    /// <summary>Every text file that is kept, that is, that .gitignore does not name.</summary>
    public static IReadOnlyList<SourceFile> Files => s_files.Value;

    /// <summary>The files below a folder whose names end in a given way.</summary>
    public static IEnumerable<SourceFile> Below(string folder, params string[] endings) => Files.Where(file =>
        file.Path.StartsWith(folder, StringComparison.Ordinal)
        && endings.Any(ending => file.Path.EndsWith(ending, StringComparison.Ordinal)));

    private static IEnumerable<SourceFile> ReadFolder(string folder)
    {
        foreach (string path in Directory.EnumerateFiles(folder).Where(path => !Ignored(path)))
        {
            string text = File.ReadAllText(path);
            if (!text.Contains('\0', StringComparison.Ordinal))
            {
                yield return new SourceFile(Path.GetRelativePath(Root, path).Replace('\\', '/'), text);
            }
        }

        IEnumerable<string> folders = Directory.EnumerateDirectories(folder).Where(path => !Ignored(path));
        foreach (SourceFile file in folders.SelectMany(ReadFolder))
        {
            yield return file;
        }
    }

    /// <summary>The forms of pattern that .gitignore uses here: <c>folder/</c> anywhere, and <c>*.ending</c>.</summary>
    private static bool Ignored(string path)
    {
        string name = Path.GetFileName(path);
        return name == ".git" || File.ReadLines(Path.Combine(Root, ".gitignore")).Any(pattern =>
            pattern == $"{name}/" || pattern.StartsWith('*') && name.EndsWith(pattern[1..], StringComparison.Ordinal));
    }
}
