using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;

namespace VirtioGuest.Trace;

/// <summary>A named place of the rings: what the sources and the table of docs/rings.md say of it.</summary>
/// <param name="Name">As in <c>PackedSites.PublishHead</c>.</param>
/// <param name="Summary">What it is for.</param>
/// <param name="Clause">The clauses that the summary names; empty where it names none.</param>
/// <param name="Without">What happens without it, from the table.</param>
/// <param name="File">Where it is used, from the root on.</param>
/// <param name="Line">The line there.</param>
internal sealed record Site(string Name, string Summary, string Clause, string Without, string File, int Line);

/// <summary>The named places, read from the sources that declare and use them.</summary>
internal sealed partial class SiteCatalog
{
    private static readonly string[] s_declarations =
    [
        "src/Drivers/Virtio/Rings/Packed/PackedSites.cs",
        "src/Drivers/Virtio/Rings/Split/SplitSites.cs",
        "src/Devices/Rings/DeviceSites.cs",
    ];

    private readonly Dictionary<int, Site> _sites = [];

    private SiteCatalog()
    {
    }

    /// <summary>How many there are.</summary>
    public int Count => _sites.Count;

    /// <summary>Finds a place by its number; null where there is none.</summary>
    public Site? Find(int number) => _sites.GetValueOrDefault(number);

    /// <summary>Reads them.</summary>
    /// <param name="root">The repository's root; places are unknown where it is not there.</param>
    public static SiteCatalog Read(string root)
    {
        var catalog = new SiteCatalog();
        string table = Path.Combine(root, "docs", "rings.md");
        string[] rows = File.Exists(table) ? File.ReadAllLines(table) : [];
        foreach (string declaration in s_declarations)
        {
            string path = Path.Combine(root, declaration);
            if (File.Exists(path))
            {
                catalog.ReadDeclarations(root, path, rows);
            }
        }

        return catalog;
    }

    private void ReadDeclarations(string root, string path, string[] rows)
    {
        string type = Path.GetFileNameWithoutExtension(path);
        string folder = Path.GetDirectoryName(path)!;
        string[] files = [.. Directory.EnumerateFiles(folder, "*.cs", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Path.GetDirectoryName(folder)!, "*.cs"))
            .Where(each => each != path).Distinct().Order(StringComparer.Ordinal)];
        Dictionary<string, string[]> texts = files.ToDictionary(each => each, File.ReadAllLines);
        foreach (Match match in Declaration().Matches(File.ReadAllText(path)))
        {
            int number = int.Parse(match.Groups["number"].Value, CultureInfo.InvariantCulture);
            string name = $"{type}.{match.Groups["name"].Value}";
            string text = match.Groups["summary"].Value.Replace("///", " ", StringComparison.Ordinal);
            string summary = Spaces().Replace(text, " ").Trim();
            (string file, int line) = Find(root, texts, name);
            _sites[number] = new Site(name, summary, ClauseOf(summary), WithoutOf(number, rows), file, line);
        }
    }

    private static (string File, int Line) Find(string root, Dictionary<string, string[]> texts, string name)
    {
        foreach ((string file, string[] lines) in texts)
        {
            int line = Array.FindIndex(lines, each => Regex.IsMatch(each, Regex.Escape(name) + @"\b"));
            if (line >= 0)
            {
                return (Path.GetRelativePath(root, file).Replace('\\', '/'), line + 1);
            }
        }

        return (string.Empty, 0);
    }

    private static string ClauseOf(string summary) =>
        string.Join(", ", Clause().Matches(summary).Select(each => each.Groups["clause"].Value));

    private static string WithoutOf(int number, string[] rows)
    {
        string start = string.Create(CultureInfo.InvariantCulture, $"| {number} |");
        return string.Join(" ", rows.Where(each => each.StartsWith(start, StringComparison.Ordinal)).Select(row =>
        {
            string[] cells = [.. row.Split('|').Select(each => each.Trim())];
            return cells.Length > 8 ? $"[{cells[3]}, {cells[4]}] {cells[8]}" : string.Empty;
        }));
    }

    [GeneratedRegex(
        @"<summary>(?<summary>[^<]*(<(?!/summary)[^<]*)*)</summary>\s*public const AccessSite (?<name>\w+) = "
        + @"\(AccessSite\)(?<number>\d+);")]
    private static partial Regex Declaration();

    [GeneratedRegex(@"virtio 1\.4, (?<clause>[\d.]*\d)")]
    private static partial Regex Clause();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();
}
