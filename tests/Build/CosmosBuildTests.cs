using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Build.Cosmos;

namespace VirtioGuest.Build.Tests;

/// <summary>
/// What makes a folder a Cosmos devkit, what the user is told if something is missing, and how far a build has come.
/// </summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class CosmosBuildTests : IDisposable
{
    private const string Version = ".0.1.0";

    private static readonly string[] s_parts =
    [
        "Packages/Cosmos.Build.0.1.0.nupkg", "Packages/Cosmos.Core.0.1.0.nupkg",
        "Packages/Cosmos.Debug.Kernel.0.1.0-localbuild2.nupkg", "Packages/Cosmos.HAL2.0.1.0.nupkg",
        "Packages/Cosmos.Plugs.0.1.0.nupkg", "Packages/Cosmos.System2.0.1.0.nupkg",
        "Packages/IL2CPU.API.0.1.0.nupkg", "Packages/XSharp.0.1.0.nupkg", "Build/IL2CPU/IL2CPU",
        "XSharp/DebugStub/Main.xs",
    ];

    private static readonly string[] s_programs = ["yasm", "ld", "xorriso"];

    private readonly string _root = Directory.CreateTempSubdirectory("devkit-").FullName;

    private string Folder => Path.Combine(_root, "cosmos");

    private string Programs => Path.Combine(_root, "programs");

    private static IEnumerable<TestCaseData> Parts => s_parts.Select(part => new TestCaseData(part, Named(part)));

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Test]
    public void Complete_devkit_has_no_problem()
    {
        Make(s_parts, s_programs);

        Assert.That(Devkit().Problem, Is.Null);
        Assert.That(() => Devkit().Require(), Throws.Nothing);
    }

    [Test]
    public void Message_about_a_missing_devkit_says_where_to_get_it()
    {
        Assert.That(
            Devkit().Problem,
            Is.EqualTo(
                $"There is no Cosmos devkit in {Folder}: install it with 'make' in a clone of "
                + "https://github.com/CosmosOS/Cosmos, or name the folder of one with --cosmos-dir."));
        Assert.That(() => Devkit().Require(), Throws.TypeOf<BuildFailure>().With.Message.EqualTo(Devkit().Problem));
    }

    [TestCaseSource(nameof(Parts))]
    public void Missing_part_is_named(string part, string name)
    {
        Make(s_parts.Where(other => other != part), s_programs);

        Assert.That(Devkit().Problem, Does.StartWith($"The Cosmos devkit in {Folder} has no {name}: install it with"));
    }

    [Test]
    public void Missing_parts_are_named_in_one_line()
    {
        Make(["Packages/readme.txt", "XSharp/DebugStub/Main.xs"], s_programs);

        Assert.That(
            Devkit().Problem,
            Does.StartWith($"The Cosmos devkit in {Folder} has no Packages/*.nupkg, no Build/IL2CPU/IL2CPU: ")
                .And.Not.Contain("\n"));
    }

    [Test]
    public void Package_whose_name_is_longer_is_not_taken_for_the_missing_one()
    {
        Make(
            [.. s_parts.Where(part => Named(part) != "Packages/Cosmos.Debug.Kernel.nupkg"),
                "Packages/Cosmos.Debug.Kernel.Plugs.Asm.0.1.0.nupkg"],
            s_programs);

        Assert.That(Devkit().Problem, Does.Contain("no Packages/Cosmos.Debug.Kernel.nupkg:"));
    }

    [Test]
    public void Missing_programs_are_named_with_their_packages()
    {
        Make(s_parts, ["xorriso"]);

        Assert.That(
            Devkit().Problem,
            Is.EqualTo(
                $"Cosmos needs programs that are not installed: {Programs}/yasm, {Programs}/ld. "
                + "Run 'apt-get install yasm binutils'."));
    }

    [TestCase("/a", "/b", "/c", "/a")]
    [TestCase("/a/", null, null, "/a")]
    [TestCase(null, "/b", "/c", "/b")]
    [TestCase("", "", "/c\n", "/c")]
    [TestCase(null, null, "\n", "/opt/cosmos")]
    [TestCase(null, null, null, "/opt/cosmos")]
    public void Folder_is_the_named_one_else_the_variable_s_else_the_installer_s_else_the_usual_one(
        string? named, string? variable, string? record, string folder)
    {
        Assert.That(CosmosDevkit.Locate(named, variable, record).Folder, Is.EqualTo(folder));
    }

    [Test]
    public void Image_is_not_built_without_a_devkit()
    {
        var workspace = new Workspace(Path.Combine(_root, "source"), null);

        Assert.That(
            () => CosmosBuild.Image(workspace, Devkit()),
            Throws.TypeOf<BuildFailure>().With.Message.EqualTo(Devkit().Problem));
        Assert.That(Directory.Exists(workspace.Artifacts), Is.False, "nothing was started");
    }

    [Test]
    public void Stage_is_told_by_the_newest_files_of_this_build()
    {
        string folder = Path.Combine(_root, "bin", "VirtioGuest.Cosmos.Kernel", "debug");
        Directory.CreateDirectory(folder);
        string old = Path.Combine(folder, "VirtioGuest.Cosmos.Kernel.obj");
        File.WriteAllText(old, "");
        File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-1));
        var stages = new CosmosStages(_root);
        Assert.That(stages.Current, Is.EqualTo("compiling the sources"));

        File.WriteAllText(Path.Combine(folder, "VirtioGuest.Cosmos.Kernel.dll"), "");
        Assert.That(stages.Current, Is.EqualTo("IL2CPU is reading the assemblies"));

        File.WriteAllBytes(Path.Combine(folder, "VirtioGuest.Cosmos.Kernel.asm"), new byte[3_000_000]);
        Assert.That(stages.Current, Is.EqualTo("IL2CPU and yasm are at work, 3 MB of asm"));
    }

    // What a part is called in a message: a package without its version, a folder without its files.
    private static string Named(string part) =>
        part.IndexOf(Version, StringComparison.Ordinal) is >= 0 and int end ? part[..end] + ".nupkg"
        : part.EndsWith(".xs", StringComparison.Ordinal) ? Path.GetDirectoryName(part)!
        : part;

    private CosmosDevkit Devkit() => new(Folder, Programs);

    private void Make(IEnumerable<string> parts, IEnumerable<string> programs)
    {
        IEnumerable<string> paths = parts.Select(part => Path.Combine(Folder, part))
            .Concat(programs.Select(program => Path.Combine(Programs, program)));
        foreach (string path in paths)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, string.Empty);
        }
    }
}
