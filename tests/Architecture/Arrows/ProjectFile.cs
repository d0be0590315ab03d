using System;
using System.Collections.Generic;
using System.Linq;
using System.Xml.Linq;
using VirtioGuest.Architecture.Tests.Sources;

namespace VirtioGuest.Architecture.Tests.Arrows;

/// <summary>What a project file, or a file that projects import, says about other projects.</summary>
/// <param name="file">The file.</param>
public sealed class ProjectFile(SourceFile file)
{
    private readonly XElement _root = XElement.Parse(file.Text);

    /// <summary>The name of the project: the file's own, or that of the project which imports it.</summary>
    public string Project { get; } =
        NameOf(file.Path, endings: [".csproj", ".Native.props", ".Native.targets", ".targets"]);

    /// <summary>The projects that it compiles against.</summary>
    public IEnumerable<string> References => ProjectReferences.Where(each => !IsBuildOnly(each)).Select(Name);

    /// <summary>The projects that it only has built.</summary>
    public IEnumerable<string> BuildOnly => ProjectReferences.Where(IsBuildOnly).Select(Name);

    /// <summary>The sources of other folders that it compiles in, as they are written.</summary>
    public IEnumerable<string> ForeignSources => _root.Descendants("Compile")
        .Select(each => (string?)each.Attribute("Include") ?? string.Empty)
        .Where(include => include.Contains("../", StringComparison.Ordinal));

    /// <summary>Whether it is compiled for several frameworks.</summary>
    public bool HasSeveralFrameworks => _root.Descendants("TargetFrameworks").Any();

    /// <summary>The projects that it asks for a framework by name, one by one or by the name of a list.</summary>
    public IEnumerable<string> FrameworkNamedTo => ProjectReferences
        .Where(each => each.Attribute("SetTargetFramework") is not null)
        .SelectMany(each => (string?)each.Attribute("Include") is ['@', '(', .. var list, ')']
            ? _root.Descendants(list).Select(Name)
            : [Name(each)]);

    private IEnumerable<XElement> ProjectReferences => _root.Descendants("ProjectReference");

    /// <inheritdoc/>
    public override string ToString() => file.Path;

    private static bool IsBuildOnly(XElement reference) =>
        (string?)reference.Attribute("ReferenceOutputAssembly") == "false";

    private static string Name(XElement reference) =>
        NameOf((string?)reference.Attribute("Include") ?? string.Empty, endings: [".csproj"]);

    private static string NameOf(string path, string[] endings)
    {
        string name = path[(path.LastIndexOfAny(['/', '\\']) + 1)..];
        string? ending = endings.FirstOrDefault(each => name.EndsWith(each, StringComparison.Ordinal));
        return ending is null ? name : name[..^ending.Length];
    }
}
