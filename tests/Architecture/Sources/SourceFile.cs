using System;

namespace VirtioGuest.Architecture.Tests.Sources;

/// <summary>A text file of the repository.</summary>
/// <param name="Path">Its path from the repository's root, with slashes.</param>
/// <param name="Text">All of it.</param>
public sealed record SourceFile(string Path, string Text)
{
    /// <summary>The folder that it lies in, with a slash at its end, or nothing for the root.</summary>
    public string Folder => Path[..(Path.LastIndexOf('/') + 1)];

    /// <summary>The lines without their ends.</summary>
    public string[] Lines => Text.Split('\n');

    /// <summary>Whether it lies below one of some folders, each with a slash at its end.</summary>
    public bool IsBelow(params string[] folders) =>
        Array.Exists(folders, folder => Path.StartsWith(folder, StringComparison.Ordinal));

    /// <inheritdoc/>
    public override string ToString() => Path;
}
