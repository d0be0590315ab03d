using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Architecture.Tests.Sources;

namespace VirtioGuest.Architecture.Tests.Arrows;

/// <summary>
/// The folders of the driver project are the specification's chapters, and know only those below them: reports know
/// devices, devices know transports, transports know rings. Formats, transports and drivers do not know each other.
/// </summary>
public sealed partial class FolderArrowTests
{
    private const string Project = "src/Drivers/Virtio/";
    private const string Namespace = "VirtioGuest.Drivers.Virtio";

    private static readonly string[] s_chapters = ["Rings", "Transport", "Devices", "Reports"];

    [Test]
    public void Folders_of_the_driver_project_point_down()
    {
        SourceFile[] files = [.. Repository.Below(Project, ".cs")];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                files.Select(file => FolderOf(file).Split('.')[0]).Distinct(), Is.EquivalentTo(s_chapters));
            Expect.None([.. files.SelectMany(Broken)]);
        }
    }

    [TestCase("Rings", "Rings.Packed", 0)]
    [TestCase("Rings.Packed", "Rings", 0)]
    [TestCase("Rings.Packed", "Rings.Split", 1)]
    [TestCase("Rings", "Transport", 1)]
    [TestCase("Transport.Pci", "Rings", 0)]
    [TestCase("Transport.Pci", "Transport.Mmio", 1)]
    [TestCase("Transport", "Devices.Net", 1)]
    [TestCase("Devices.Net", "Transport", 0)]
    [TestCase("Devices.Net", "Devices.Block", 1)]
    [TestCase("Devices", "Devices.Block", 0)]
    [TestCase("Devices", "Reports", 1)]
    [TestCase("Reports", "Devices", 0)]
    public void An_arrow_between_folders_that_does_not_point_down_is_found(string from, string to, int offences)
    {
        string path = Project + from.Replace('.', '/') + "/A.cs";
        var byUsing = new SourceFile(path, $"using {Namespace}.{to};\n\nnamespace {Namespace}.{from};\n");
        var byName = new SourceFile(path, $"namespace {Namespace}.{from};\n\nclass A {{ {Namespace}.{to}.B b; }}\n");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Broken(byUsing).Count(), Is.EqualTo(offences));
            Assert.That(Broken(byName).Count(), Is.EqualTo(offences));
        }
    }

    [Test]
    public void A_namespace_that_is_not_the_folders_is_found()
    {
        var file = new SourceFile(Project + "Rings/A.cs", $"namespace {Namespace}.Devices;\n");

        Assert.That(Broken(file).Count(), Is.EqualTo(1));
    }

    private static IEnumerable<string> Broken(SourceFile file)
    {
        string own = FolderOf(file);
        Match space = NamespaceOf().Match(file.Text);
        if (!space.Success || space.Groups[1].Value != $"{Namespace}.{own}")
        {
            yield return $"{file.Path} is not in the namespace of its folder";
        }

        foreach (Match name in NamesOf().Matches(file.Text).Where(name => name.Index != space.Groups[1].Index))
        {
            string other = name.Groups[1].Value;
            if (!MayKnow(own, other))
            {
                yield return $"{file.Path} knows {other}, which does not lie below it";
            }
        }
    }

    private static bool MayKnow(string own, string other)
    {
        int from = Array.IndexOf(s_chapters, own.Split('.')[0]);
        int to = Array.IndexOf(s_chapters, other.Split('.')[0]);
        return to < from || (to == from && (IsWithin(own, other) || IsWithin(other, own)));
    }

    private static bool IsWithin(string folder, string other) =>
        $"{folder}.".StartsWith($"{other}.", StringComparison.Ordinal);

    private static string FolderOf(SourceFile file) =>
        file.Folder[Project.Length..].TrimEnd('/').Replace('/', '.');

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceOf();

    // The chapter and, where there is one, the folder in it. What follows is a type.
    [GeneratedRegex(
        @"\bVirtioGuest\.Drivers\.Virtio\.((?:Rings|Transport|Devices|Reports)"
        + @"(?:\.(?:Packed|Split|Pci|Mmio|Block|Net|Entropy)\b)?)")]
    private static partial Regex NamesOf();
}
