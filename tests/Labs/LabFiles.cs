using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using VirtioGuest.Labs.Grader;
using VirtioGuest.Labs.Grader.Students;

namespace VirtioGuest.Labs.Tests;

/// <summary>The files of the labs in the repository.</summary>
internal static class LabFiles
{
    /// <summary>The folder of VirtioGuest.sln.</summary>
    public static string Root { get; } = typeof(LabFiles).Assembly
        .GetCustomAttributes<AssemblyMetadataAttribute>().Single(each => each.Key == "Repository").Value!;

    public static string Starter(Lab lab) => Path.Combine(Root, "labs", lab.Folder);

    public static string Answer(Lab lab) => Path.Combine(Root, "labs", "answers", lab.Folder);

    public static string Wrong(Lab lab) => Path.Combine(Root, "tests", "Labs", "Wrong", lab.Folder);

    /// <summary>The sources of a folder, by name.</summary>
    public static Dictionary<string, string> Sources(string folder) => Directory.GetFiles(folder, "*.cs")
        .ToDictionary(path => Path.GetFileName(path), File.ReadAllText);

    /// <summary>Compiles sources that are expected to compile.</summary>
    public static StudentCode Compile(Dictionary<string, string> sources)
    {
        StudentCompilation compilation = StudentCompilation.Compile(sources.Select(each => (each.Key, each.Value)));
        return compilation.Library is null
            ? throw new InvalidOperationException(string.Join('\n', compilation.Errors))
            : new StudentCode(compilation.Library, compilation.Symbols!);
    }
}
