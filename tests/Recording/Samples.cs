using System;
using System.IO;
using System.Linq;
using System.Reflection;
using NUnit.Framework;
using VirtioGuest.Trace;
using VirtioGuest.Trace.Examples;

namespace VirtioGuest.Recording.Tests;

/// <summary>Recordings for tests, and where they are.</summary>
internal static class Samples
{
    /// <summary>The repository's root.</summary>
    public static string Root { get; } = typeof(Samples).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(each => each.Key == "Repository").Value!;

    /// <summary>Makes a file's name in the folder of tests' output.</summary>
    public static string PathOf(string name)
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "recordings");
        Directory.CreateDirectory(folder);
        return Path.Combine(folder, name);
    }

    /// <summary>Records an example and reads it.</summary>
    public static Recording Example(string name)
    {
        string path = PathOf(name + ".jsonl");
        Trace.Examples.Example.All.Single(each => each.Name == name).Record(path);
        return Recording.Read(path);
    }

    /// <summary>Makes the page of a recording.</summary>
    /// <returns>The file.</returns>
    public static string Page(string name, Recording recording)
    {
        string path = PathOf(name + ".html");
        File.WriteAllText(path, new PageMaker(Root).Build(recording));
        return path;
    }
}
