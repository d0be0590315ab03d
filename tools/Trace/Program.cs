using System;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.IO;
using System.Linq;
using VirtioGuest.Trace.Examples;

namespace VirtioGuest.Trace;

/// <summary>Turns recordings into pages: <c>./build.sh trace</c>.</summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        var files = new Argument<FileInfo[]>("FILE")
        {
            Description = "the recording; a serial log or the image of a disk with one in it",
            Arity = ArgumentArity.ZeroOrMore,
        };
        var example = new Option<string?>("--example") { Description = "make one of the examples", HelpName = "name" };
        var list = new Option<bool>("--list") { Description = "list the examples" };
        var page = new Option<FileInfo?>("--out") { Description = "where the page goes", HelpName = "file" };
        var perfetto = new Option<FileInfo?>("--perfetto")
        {
            Description = "also write the trace for Perfetto and chrome://tracing",
            HelpName = "file",
        };
        var sources = new Option<DirectoryInfo?>("--sources")
        {
            Description = "where sources are that are not this project's",
            HelpName = "folder",
        };
        var root = new Option<DirectoryInfo>("--root") { Required = true, Hidden = true };
        var folder = new Option<DirectoryInfo>("--folder") { Required = true, Hidden = true };
        var command = new RootCommand("Turns a recording into a page; without words, makes all examples.")
        {
            files, example, list, page, perfetto, sources, root, folder,
        };
        command.Validators.Add(result =>
        {
            bool isOne = result.GetValue(files) is not { Length: > 1 };
            if (!isOne && (result.GetResult(page) ?? result.GetResult(perfetto)) is not null)
            {
                result.AddError("--out and --perfetto name one file: make the pages one by one.");
            }
        });
        command.SetAction(parsed =>
        {
            if (parsed.GetValue(list))
            {
                ListExamples();
                return 0;
            }

            string home = parsed.GetRequiredValue(folder).FullName;
            var maker = new PageMaker(parsed.GetRequiredValue(root).FullName, parsed.GetValue(sources)?.FullName);
            try
            {
                if (parsed.GetValue(files) is { Length: > 0 } recordings)
                {
                    foreach (FileInfo recording in recordings)
                    {
                        string name = Path.GetFileNameWithoutExtension(recording.Name) + ".html";
                        maker.Make(
                            recording.FullName,
                            parsed.GetValue(page)?.FullName ?? Path.Combine(home, name),
                            parsed.GetValue(perfetto)?.FullName);
                    }

                    return 0;
                }

                string? wanted = parsed.GetValue(example);
                Example[] chosen = [.. Example.All.Where(each => wanted is null || each.Name == wanted)];
                if (chosen.Length == 0)
                {
                    return Fail($"there is no example {wanted}: see ./build.sh trace --list");
                }

                foreach (Example each in chosen)
                {
                    string made = Path.Combine(home, each.Name + ".jsonl");
                    each.Record(made);
                    maker.Make(
                        made,
                        (wanted is null ? null : parsed.GetValue(page)?.FullName)
                            ?? Path.Combine(home, each.Name + ".html"),
                        wanted is null ? null : parsed.GetValue(perfetto)?.FullName);
                }

                return 0;
            }
            catch (Exception error) when (error is IOException or InvalidDataException or UnauthorizedAccessException)
            {
                return Fail(error.Message);
            }
        });
        ParseResult result = command.Parse(arguments);
        if (result.Errors.Count == 0)
        {
            return result.Invoke();
        }

        Console.Error.WriteLine(result.Errors[0].Message);
        return 2;
    }

    private static void ListExamples()
    {
        foreach (Example each in Example.All)
        {
            Console.WriteLine($"{each.Name,-14} {each.Summary}");
        }
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine(message);
        return 1;
    }
}
