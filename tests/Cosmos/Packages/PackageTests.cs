using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using NUnit.Framework;
using VirtioGuest.Cosmos.Tests.Contract;

namespace VirtioGuest.Cosmos.Tests.Packages;

/// <summary>
/// The packages of the drivers, in a folder as a feed, and a kernel that refers to them by two lines and to nothing
/// else of this repository. The contract stands for Cosmos, and a target of the same name for its compiler.
/// </summary>
public sealed class PackageTests
{
    private static readonly TimeSpan s_patience = TimeSpan.FromMinutes(5);

    private static readonly string[] s_projects =
    [
        "Hal/VirtioGuest.Hal.csproj", "Pci/VirtioGuest.Pci.csproj",
        "Volumes/VirtioGuest.Volumes.csproj",
        "Drivers/Virtio/VirtioGuest.Drivers.Virtio.csproj",
        "Cosmos/VirtioGuest.Cosmos/VirtioGuest.Cosmos.csproj",
        "Cosmos/VirtioGuest.Cosmos.Plugs/VirtioGuest.Cosmos.Plugs.csproj",
    ];

    private string _folder = "";

    [OneTimeSetUp]
    public void Pack()
    {
        _folder = Directory.CreateTempSubdirectory("vg-packages-").FullName;
        File.Copy(
            Path.Combine(Root, "Directory.Build.targets"), Path.Combine(_folder, "Directory.Build.targets"));
        string projects = string.Join(';', Array.ConvertAll(s_projects, each => Path.Combine(Root, "src", each)));

        // What these tests are run with was built a moment ago.
        File.WriteAllText(Path.Combine(_folder, "pack.proj"), $"""
            <Project>
              <Target Name="Pack">
                <MSBuild Projects="{projects}" Targets="Pack"
                         Properties="NoBuild=true;Configuration={Configuration};PackageOutputPath={Feed}" />
              </Target>
            </Project>
            """);
        string output = Dotnet(_folder, "msbuild", "pack.proj", "-target:Pack", "-nologo", "-verbosity:quiet");
        Assert.That(output, Does.Not.Contain("error"));
        Assert.That(Directory.GetFiles(Feed), Has.Length.EqualTo(s_projects.Length));
    }

    [OneTimeTearDown]
    public void Remove() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Two_package_references_are_all_that_a_kernel_needs()
    {
        string output = Build("whole", "VirtioGuest.Cosmos", "VirtioGuest.Cosmos.Plugs");

        Assert.That(output, Does.Contain("handed to IL2CPU: VirtioGuest.Cosmos.Plugs.dll"));
        Assert.That(
            output,
            Does.Contain(" VirtioGuest.Cosmos ").And.Contain(" VirtioGuest.Drivers.Virtio ").And.Contain(
                " VirtioGuest.Hal ").And.Contain(" VirtioGuest.Volumes "));
        Assert.That(output, Does.Not.Match("compiled with it:.*Plugs"), "a kernel never calls them");
    }

    [Test]
    public void A_kernel_without_the_plugs_is_told_which_reference_is_missing() =>
        Assert.That(
            Build("half", "VirtioGuest.Cosmos"),
            Does.Contain("error VIRTIOGUEST1: VirtioGuest.Cosmos needs its plugs: add a PackageReference to "
                + "VirtioGuest.Cosmos.Plugs."));

    private static string Configuration =>
#if DEBUG
        "Debug";
#else
        "Release";
#endif

    private static string Root
    {
        get
        {
            string folder = AppContext.BaseDirectory;
            while (!File.Exists(Path.Combine(folder, "VirtioGuest.sln")))
            {
                folder = Path.GetDirectoryName(folder)!;
            }

            return folder;
        }
    }

    /// <summary>Where what is no package of ours was restored to before.</summary>
    private static string Fallback => Path.Combine(
        Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), ".nuget", "packages");

    private string Feed => Path.Combine(_folder, "feed");

    private string Build(string name, params string[] packages)
    {
        string folder = Path.Combine(_folder, name);
        Directory.CreateDirectory(folder);
        string references = string.Concat(Array.ConvertAll(
            packages, package => $"<PackageReference Include=\"{package}\" Version=\"*\" />"));
        string cosmos = string.Concat(Array.ConvertAll(
            ["Cosmos.Core", "Cosmos.HAL2", "Cosmos.System2"],
            (string assembly) => $"<Reference Include=\"{Path.Combine(CosmosContract.Folder, assembly)}.dll\" />"));
        File.WriteAllText(Path.Combine(folder, "Kernel.csproj"), $"""
            <Project Sdk="Microsoft.NET.Sdk">
              <PropertyGroup>
                <TargetFramework>net6.0</TargetFramework>
                <CheckEolTargetFramework>false</CheckEolTargetFramework>
                <DisableTransitiveFrameworkReferenceDownloads>true</DisableTransitiveFrameworkReferenceDownloads>
                <RestoreAdditionalProjectSources>{Feed}</RestoreAdditionalProjectSources>
                <RestorePackagesPath>{Path.Combine(_folder, "restored")}</RestorePackagesPath>
                <RestoreFallbackFolders>{Fallback}</RestoreFallbackFolders>
              </PropertyGroup>
              <ItemGroup>
                {references}
                {cosmos}
              </ItemGroup>
              <Target Name="IL2CPU" AfterTargets="Build" DependsOnTargets="ComputeFilesToPublish">
                <ItemGroup>
                  <Handed Include="@(PlugsReference)" Condition="Exists('%(FullPath)')" />
                </ItemGroup>
                <Message Importance="high" Text="handed to IL2CPU: @(Handed->'%(Filename)%(Extension)')" />
                <Message Importance="high" Text="compiled with it: @(ResolvedFileToPublish->' %(Filename) ')" />
              </Target>
            </Project>
            """);
        File.WriteAllText(Path.Combine(folder, "Kernel.cs"), """
            public sealed class Kernel : Cosmos.System.Kernel
            {
                protected override void BeforeRun() => VirtioGuest.Cosmos.VirtioDrivers.Register();

                protected override void Run()
                {
                    foreach (VirtioGuest.Cosmos.VirtioBlockDevice disk in VirtioGuest.Cosmos.VirtioDrivers.Disks)
                    {
                        Cosmos.HAL.BlockDevice.BlockDevice.Devices.Remove(disk);
                        disk.Disk.Flush();
                    }
                }
            }
            """);
        return Dotnet(folder, "build", "-nologo", "-v", "m");
    }

    private static string Dotnet(string folder, params IEnumerable<string> arguments)
    {
        var start = new ProcessStartInfo("dotnet", arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["MSBUILDDISABLENODEREUSE"] = "1";
        using Process process = Process.Start(start)!;
        System.Threading.Tasks.Task<string> errors = process.StandardError.ReadToEndAsync();
        System.Threading.Tasks.Task<string> output = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(s_patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"dotnet did not end: {string.Join(' ', arguments)}");
        }

        return output.Result + errors.Result;
    }
}
