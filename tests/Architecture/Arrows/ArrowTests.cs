using System.Collections.Generic;
using System.Linq;
using Mono.Cecil;
using NUnit.Framework;

namespace VirtioGuest.Architecture.Tests.Arrows;

/// <summary>Projects and assemblies know only what lies below them.</summary>
public sealed class ArrowTests
{
    private static readonly string[] s_endings = [".csproj", ".props", ".targets"];

    private static IEnumerable<ProjectFile> Sources =>
        Repository.Below("src/", s_endings).Select(file => new ProjectFile(file));

    [Test]
    public void Project_references_point_down()
    {
        ProjectFile[] projects = [.. Sources];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(projects, Is.Not.Empty);
            Expect.None([.. projects.SelectMany(each => Layers.Broken(each.Project, each.References))]);
        }
    }

    /// <summary>A student's driver sees the seam to the machine, and the grader none of our drivers.</summary>
    [Test]
    public void Project_references_of_the_coursework_point_down()
    {
        ProjectFile[] projects =
        [
            .. Repository.Below("labs/", s_endings).Concat(Repository.Below("tools/Labs/", s_endings))
                .Select(file => new ProjectFile(file)),
        ];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(projects, Has.Length.EqualTo(4));
            Expect.None([.. projects.SelectMany(each => Layers.Broken(each.Project, each.References))]);
        }
    }

    [TestCase("VirtioGuest.Hal")]
    [TestCase("VirtioGuest.Pci")]
    [TestCase("VirtioGuest.Volumes")]
    [TestCase("VirtioGuest.Commands")]
    [TestCase("VirtioGuest.Drivers.Virtio")]
    [TestCase("VirtioGuest.Cosmos")]
    [TestCase("VirtioGuest.Cosmos.Kernel")]
    public void References_of_an_assembly_for_Cosmos_point_down(string name) =>
        Expect.None([.. Layers.Broken(name, References(CompiledAssemblies.Subset(name)))]);

    [TestCase("VirtioGuest.Net")]
    [TestCase("VirtioGuest.Kernel")]
    public void References_of_an_assembly_of_the_unikernel_point_down(string name) =>
        Expect.None([.. Layers.Broken(name, References(CompiledAssemblies.Kernel(name)))]);

    [Test]
    public void Only_the_kernel_has_LibOS_built_and_nobody_refers_to_it()
    {
        ProjectFile[] projects = [.. Repository.Below("", s_endings).Select(file => new ProjectFile(file))];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(projects.Where(each => each.References.Contains(Layers.LibOs)), Is.Empty);
            Assert.That(projects.Where(each => each.BuildOnly.Contains(Layers.LibOs)).Select(each => each.Project),
                Is.EqualTo(new[] { Layers.Kernel }));
        }
    }

    [Test]
    public void Only_the_calling_convention_of_LibOS_is_compiled_into_another_project() =>
        Assert.That(Sources.SelectMany(each => each.ForeignSources.Select(include => (each.Project, include))),
            Is.EquivalentTo(new[] { (Layers.Kernel, "../LibOS/Abi/*.cs") }));

    /// <summary>
    /// To MSBuild, a project whose only framework is named is another one than the same project as others ask for it:
    /// both are compiled at once, into the same files.
    /// </summary>
    [Test]
    public void A_framework_is_named_only_to_projects_that_have_several()
    {
        ProjectFile[] projects = [.. Repository.Below("", s_endings).Select(file => new ProjectFile(file))];
        string[] named = [.. projects.SelectMany(each => each.FrameworkNamedTo).Distinct()];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(named, Is.Not.Empty);
            Assert.That(
                named.Except(projects.Where(each => each.HasSeveralFrameworks).Select(each => each.Project)), Is.Empty);
        }
    }

    [TestCase("VirtioGuest.Pci", "VirtioGuest.Drivers.Virtio", 1)]
    [TestCase("VirtioGuest.Pci", "VirtioGuest.Hal", 0)]
    [TestCase("VirtioGuest.Pci", "System.Runtime", 0)]
    [TestCase("VirtioGuest.Hal", "VirtioGuest.Pci", 1)]
    [TestCase("VirtioGuest.Net", "VirtioGuest.Pci", 1)]
    [TestCase("VirtioGuest.Volumes", "VirtioGuest.Pci", 1)]
    [TestCase("VirtioGuest.Commands", "VirtioGuest.Volumes", 0)]
    [TestCase("VirtioGuest.Commands", "VirtioGuest.Drivers.Virtio", 1)]
    [TestCase("VirtioGuest.Commands", "VirtioGuest.Net", 1)]
    [TestCase("VirtioGuest.Drivers.Virtio", "VirtioGuest.Devices", 1)]
    [TestCase("VirtioGuest.Devices", "VirtioGuest.Simulation", 1)]
    [TestCase("VirtioGuest.Simulation", "VirtioGuest.Devices", 0)]
    [TestCase("VirtioGuest.Simulation", "VirtioGuest.Drivers.Virtio", 1)]
    [TestCase("VirtioGuest.Kernel", "VirtioGuest.Simulation", 1)]
    [TestCase("VirtioGuest.Conformance", "VirtioGuest.Kernel", 1)]
    [TestCase("VirtioGuest.Kernel", "VirtioGuest.LibOS", 1)]
    [TestCase("VirtioGuest.Kernel", "VirtioGuest.Drivers.Virtio", 0)]
    [TestCase("VirtioGuest.Cosmos", "VirtioGuest.Cosmos.Kernel", 1)]
    [TestCase("VirtioGuest.Cosmos.Kernel", "VirtioGuest.Commands", 0)]
    [TestCase("VirtioGuest.Cosmos.Kernel", "VirtioGuest.Kernel", 1)]
    [TestCase("VirtioGuest.Newcomer", "System.Runtime", 1)]
    public void An_arrow_that_does_not_point_down_is_found(string project, string reference, int offences) =>
        Assert.That(Layers.Broken(project, [reference]).Count(), Is.EqualTo(offences));

    [Test]
    public void A_project_file_tells_references_from_what_it_only_builds()
    {
        ProjectFile project = new(new("src/A/VirtioGuest.A.Native.props", """
            <Project>
              <ItemGroup>
                <ProjectReference Include="../B/VirtioGuest.B.csproj" />
                <ProjectReference Include="$(Here)../C/VirtioGuest.C.csproj" ReferenceOutputAssembly="false" />
                <Compile Include="../D/*.cs" />
              </ItemGroup>
            </Project>
            """));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(project.Project, Is.EqualTo("VirtioGuest.A"));
            Assert.That(project.References, Is.EqualTo(new[] { "VirtioGuest.B" }));
            Assert.That(project.BuildOnly, Is.EqualTo(new[] { "VirtioGuest.C" }));
            Assert.That(project.ForeignSources, Is.EqualTo(new[] { "../D/*.cs" }));
        }
    }

    [Test]
    public void A_project_file_tells_to_whom_it_names_a_framework()
    {
        ProjectFile project = new(new("src/A/VirtioGuest.A.csproj", """
            <Project>
              <ItemGroup>
                <Several Include="../B/VirtioGuest.B.csproj" />
                <ProjectReference Include="@(Several)" SetTargetFramework="TargetFramework=net6.0" />
                <ProjectReference Include="../C/VirtioGuest.C.csproj" SetTargetFramework="TargetFramework=net6.0" />
                <ProjectReference Include="../D/VirtioGuest.D.csproj" />
              </ItemGroup>
            </Project>
            """));

        Assert.That(project.FrameworkNamedTo, Is.EqualTo(new[] { "VirtioGuest.B", "VirtioGuest.C" }));
    }

    private static IEnumerable<string> References(AssemblyDefinition assembly) =>
        assembly.MainModule.AssemblyReferences.Select(reference => reference.Name);
}
