using System;
using System.IO;
using NUnit.Framework;

namespace VirtioGuest.Build.Tests;

/// <summary>A build runs when it is needed, and only then.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class IncrementalBuildTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("vg-build-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Build_runs_only_if_an_input_has_changed_or_an_output_is_missing()
    {
        string output = Path.Combine(_folder, "output");
        Write("source/a.cs", "1");

        Assert.That(IsBuilt(() => File.WriteAllText(output, "")), Is.True, "first build");
        Assert.That(IsBuilt(() => { }), Is.False, "nothing has changed");

        Write("source/obj/a.o", "2");
        Assert.That(IsBuilt(() => { }), Is.False, "build output is no input");

        Write("source/a.cs", "2");
        Assert.That(IsBuilt(() => { }), Is.True, "a file has changed");

        Write("source/b.cs", "");
        Assert.That(IsBuilt(() => { }), Is.True, "a file is new");

        File.Delete(output);
        Assert.That(IsBuilt(() => File.WriteAllText(output, "")), Is.True, "an output is missing");
        Assert.That(IsBuilt(() => { }), Is.False, "nothing has changed again");
    }

    [Test]
    public void Failed_build_runs_again()
    {
        string output = Path.Combine(_folder, "output");
        Write("source/a.cs", "1");
        IsBuilt(() => File.WriteAllText(output, ""));
        Write("source/a.cs", "2");
        Assert.That(() => IsBuilt(() => throw new BuildFailure("it broke")), Throws.TypeOf<BuildFailure>());

        Write("source/a.cs", "1");
        Assert.That(IsBuilt(() => { }), Is.True, "the outputs of the failed build do not count");
    }

    private bool IsBuilt(Action build)
    {
        bool isBuilt = false;
        IncrementalBuild.Run(
            Path.Combine(_folder, "state"),
            [Path.Combine(_folder, "source")],
            [Path.Combine(_folder, "output")],
            () =>
            {
                isBuilt = true;
                build();
            });
        return isBuilt;
    }

    private void Write(string name, string text)
    {
        string path = Path.Combine(_folder, name);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllText(path, text);
    }
}
