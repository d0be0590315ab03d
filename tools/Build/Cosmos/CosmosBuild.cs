using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Cosmos;

/// <summary>Builds the CD image of the Cosmos kernel, and the packages for other Cosmos kernels.</summary>
internal static class CosmosBuild
{
    /// <summary>Names a CD image for the tests to boot instead of the one that is built here.</summary>
    public const string ImageVariable = "VIRTIOGUEST_COSMOS_ISO";

    private static readonly string[] s_inputs =
    [
        "src", "tests/CosmosContract/Cosmos.References.props", "Directory.Build.props", "Directory.Build.targets",
        "Directory.Packages.props", "global.json",
    ];

    /// <summary>The projects that become packages, each after those that it needs.</summary>
    private static readonly string[] s_packages =
    [
        "src/Hal/VirtioGuest.Hal.csproj", "src/Pci/VirtioGuest.Pci.csproj",
        "src/Volumes/VirtioGuest.Volumes.csproj",
        "src/Drivers/Virtio/VirtioGuest.Drivers.Virtio.csproj",
        "src/Cosmos/VirtioGuest.Cosmos/VirtioGuest.Cosmos.csproj",
        "src/Cosmos/VirtioGuest.Cosmos.Plugs/VirtioGuest.Cosmos.Plugs.csproj",
    ];

    /// <summary>Builds the CD image; returns at once if nothing has changed since the last build.</summary>
    /// <exception cref="BuildFailure">The devkit is missing or incomplete, or the build failed.</exception>
    public static void Image(Workspace workspace, CosmosDevkit devkit)
    {
        devkit.Require();

        // A folder of its own: the ordinary build compiles the same projects without a devkit.
        string output = workspace.Intermediate("cosmos");
        IncrementalBuild.Run(
            output,
            [
                .. s_inputs.Select(name => Path.Combine(workspace.Root, name)),
                Path.Combine(devkit.Folder, "Packages"),
                Path.Combine(devkit.Folder, "Build", "IL2CPU"),
            ],
            [workspace.CosmosIso],
            () =>
            {
                var stages = new CosmosStages(output);
                Progress.Step(
                    "compile the Cosmos kernel", () => Compile(workspace, devkit, output), () => stages.Current);
            });
    }

    /// <summary>Packs the drivers for other Cosmos kernels.</summary>
    /// <exception cref="BuildFailure">The devkit is missing or incomplete, or the build failed.</exception>
    public static void Packages(Workspace workspace, CosmosDevkit devkit)
    {
        devkit.Require();
        string output = workspace.Intermediate("cosmos-packages");
        Progress.Step("pack the drivers for Cosmos", () =>
        {
            foreach (string project in s_packages)
            {
                ExternalProgram.Run(
                    "dotnet",
                    [
                        "pack", Path.Combine(workspace.Root, project), "-nologo", "-verbosity:quiet",
                        "-property:Configuration=Release", $"-property:ArtifactsPath={output}",
                        "-property:CosmosDevkit=true", $"-property:CosmosDir={devkit.Folder}",
                        "--output", workspace.CosmosPackages,
                    ]);
            }
        });
    }

    private static void Compile(Workspace workspace, CosmosDevkit devkit, string output)
    {
        string iso = Path.Combine(output, "kernel.iso");
        string symbols = Path.Combine(output, "kernel.elf");
        File.Delete(iso);
        File.Delete(symbols);

        // Cosmos' targets refuse Release. They run IL2CPU only if the kernel's own assembly has changed, and would miss
        // a change in a library, so everything is compiled anew. The analyzers belong to the ordinary build.
        string messages = ExternalProgram.Run(
            "dotnet",
            [
                "build", workspace.CosmosKernelProject, "-nologo", "-verbosity:quiet", "--no-incremental",
                "-property:Configuration=Debug", "-property:RunAnalyzers=false", $"-property:ArtifactsPath={output}",
                "-property:CosmosDevkit=true", $"-property:CosmosDir={devkit.Folder}", $"-property:IsoFile={iso}",
                $"-property:SymbolFile={symbols}",
            ]);
        if (!File.Exists(iso))
        {
            // MSBuild that is told to stop while it runs a target exits with status 0.
            throw new BuildFailure(
                "the build of the Cosmos kernel ended with status 0 but left no CD image: it was stopped, or Cosmos' "
                + $"targets did not run\n{messages}".TrimEnd());
        }

        File.Move(iso, workspace.CosmosIso, overwrite: true);
        if (File.Exists(symbols))
        {
            File.Move(symbols, workspace.CosmosSymbols, overwrite: true);
        }
    }
}

/// <summary>
/// How far the build of a Cosmos kernel has come, judged by the files that it leaves: it takes minutes and is silent.
/// </summary>
internal sealed class CosmosStages
{
    private const string Files = "VirtioGuest.Cosmos.Kernel.*";

    // The last first.
    private static readonly (string Extension, string Stage)[] s_stages =
    [
        (".iso", "writing the CD image"),
        (".bin", "making the CD image"),
        (".obj", "ld is linking"),
        (".asm", "IL2CPU and yasm are at work"),
        (".dll", "IL2CPU is reading the assemblies"),
    ];

    private readonly string _folder;

    // A file of an earlier build is known by its time. The clock will not do: file times lag some milliseconds behind.
    private readonly Dictionary<string, DateTime> _before;

    /// <param name="output">The folder that all of the build's output goes to.</param>
    public CosmosStages(string output)
    {
        _folder = Path.Combine(output, "bin", "VirtioGuest.Cosmos.Kernel");
        _before = ListFiles().ToDictionary(file => file.FullName, file => file.LastWriteTimeUtc);
    }

    /// <summary>The stage that the build has reached, in a few words.</summary>
    public string Current
    {
        get
        {
            FileInfo[] files = [.. ListFiles().Where(IsNew)];
            foreach ((string extension, string stage) in s_stages)
            {
                FileInfo? file = files.FirstOrDefault(each => each.Extension == extension);
                if (file is not null)
                {
                    string length = (file.Length / 1e6).ToString("F0", CultureInfo.InvariantCulture);
                    return extension == ".dll" ? stage : $"{stage}, {length} MB of {extension[1..]}";
                }
            }

            return "compiling the sources";
        }
    }

    private IEnumerable<FileInfo> ListFiles() => Directory.Exists(_folder)
        ? new DirectoryInfo(_folder).EnumerateFiles(Files, SearchOption.AllDirectories)
        : [];

    private bool IsNew(FileInfo file) =>
        !_before.TryGetValue(file.FullName, out DateTime before) || file.LastWriteTimeUtc != before;
}
