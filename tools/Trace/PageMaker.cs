using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.Json;
using VirtioGuest.Recording;

namespace VirtioGuest.Trace;

/// <summary>
/// Makes the page of a recording: the page's own files, the recording, and the source that it comes from.
/// </summary>
public sealed class PageMaker
{
    private const int LinesAround = 4;

    private readonly string _root;
    private readonly string? _others;
    private readonly SiteCatalog _sites;

    /// <param name="root">The repository's root.</param>
    /// <param name="others">A folder with sources that the repository does not have; null for none.</param>
    public PageMaker(string root, string? others = null)
    {
        _root = root;
        _others = others;
        _sites = SiteCatalog.Read(root);
    }

    /// <summary>Makes the page, and says where it is.</summary>
    /// <param name="recording">The recording.</param>
    /// <param name="page">Where the page goes.</param>
    /// <param name="perfetto">Where the trace for Perfetto goes; null for nowhere.</param>
    /// <exception cref="InvalidDataException">The file has no whole recording.</exception>
    public void Make(string recording, string page, string? perfetto)
    {
        Recording.Recording read;
        try
        {
            read = Recording.Recording.Read(recording);
        }
        catch (InvalidDataException e)
        {
            throw new InvalidDataException($"{recording}: {e.Message}", e);
        }

        Write(page, Build(read));
        Console.WriteLine($"{page}: {read.Header.Title}, {read.Steps.Count} steps");
        if (perfetto is not null)
        {
            Write(perfetto, PerfettoTrace.Build(read, _sites));
            Console.WriteLine($"{perfetto}: for ui.perfetto.dev or chrome://tracing");
        }
    }

    /// <summary>The page's text.</summary>
    public string Build(Recording.Recording recording)
    {
        string lines = "[" + string.Join(",\n", recording.Lines) + "]";
        return Resource("viewer.html")
            .Replace("/*STYLE*/", Resource("viewer.css"), StringComparison.Ordinal)
            .Replace("/*RECORDING*/", Embeddable(lines), StringComparison.Ordinal)
            .Replace("/*CATALOG*/", Embeddable(Catalog(recording)), StringComparison.Ordinal)
            .Replace("/*SCRIPT*/", Resource("viewer.js"), StringComparison.Ordinal);
    }

    private static void Write(string path, string text)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        File.WriteAllText(path, text, new UTF8Encoding(false));
    }

    /// <summary>JSON in which no text ends the element that it stands in.</summary>
    private static string Embeddable(string json) => json.Replace("</", "<\\/", StringComparison.Ordinal)
        .Replace("<!--", "<\\u0021--", StringComparison.Ordinal);

    private static string Resource(string name)
    {
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)
            ?? throw new InvalidOperationException($"{name} is not in this program");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    /// <summary>What is known of the sites and the lines of source that steps come from.</summary>
    private string Catalog(Recording.Recording recording)
    {
        var sites = new SortedDictionary<int, Site>();
        var wanted = new HashSet<(string File, int Line)>(recording.Places.Select(each => (each.File, each.Line)));
        foreach (int number in recording.Steps.Select(each => each.Site).Where(each => each != 0).Distinct())
        {
            if (_sites.Find(number) is Site site)
            {
                sites.Add(number, site);
                wanted.Add((site.File, site.Line));
            }
        }

        var sources = new SortedDictionary<string, object>(StringComparer.Ordinal);
        foreach ((string file, int line) in wanted)
        {
            string path = Path.Combine(_root, file);
            path = _others is not null && !File.Exists(path) ? Path.Combine(_others, file) : path;
            if (line > 0 && file.Length > 0 && !file.Contains("..", StringComparison.Ordinal) && File.Exists(path))
            {
                string[] all = File.ReadAllLines(path);
                int first = Math.Max(1, line - LinesAround);
                int last = Math.Min(all.Length, line + LinesAround);
                if (first <= last)
                {
                    sources.Add($"{file}:{line}", new { first, lines = all[(first - 1)..last] });
                }
            }
        }

        return JsonSerializer.Serialize(new { sites, sources }, s_json);
    }

    private static readonly JsonSerializerOptions s_json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase };
}
