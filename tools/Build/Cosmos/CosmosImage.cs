using System;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Cosmos;

/// <summary>Builds the CD image of the Cosmos kernel, when anything that it is made of has changed.</summary>
internal static class CosmosImage
{
    /// <summary>Names a CD image for the tests to boot in place of the one that is built here.</summary>
    public const string ImageVariable = "VIRTIOGUEST_COSMOS_ISO";

    private static readonly string[] s_inputs =
    [
        "src", "tests/CosmosContract/Cosmos.References.props", "Directory.Build.props", "Directory.Build.targets",
        "Directory.Packages.props", "global.json",
    ];

    /// <summary>Builds; returns at once when nothing has changed since the last time.</summary>
    /// <exception cref="BuildFailure">The devkit is not there or not complete, or the build failed.</exception>
    public static void Build(Workspace workspace, CosmosDevkit devkit)
    {
        devkit.Require();

        // Apart from the ordinary build, which compiles the same projects without a devkit.
        string output = workspace.Intermediate("cosmos");
        Directory.CreateDirectory(output);
        using IDisposable turn = BuildTurn.Take(Path.Combine(output, "lock"));
        InputStamp stamp = InputStamp.Of(
            Path.Combine(output, "inputs.stamp"),
            [
                .. s_inputs.Select(name => Path.Combine(workspace.Root, name)),
                Path.Combine(devkit.Folder, "Packages"),
                Path.Combine(devkit.Folder, "Build", "IL2CPU"),
                typeof(CosmosImage).Assembly.Location,
            ]);
        if (stamp.IsCurrent && File.Exists(workspace.CosmosIso))
        {
            return;
        }

        stamp.Forget();
        var stages = new CosmosStages(output);
        new Progress().Step(
            "compile the Cosmos kernel", () => Compile(workspace, devkit, output), () => stages.Current);
        stamp.Keep();
    }

    private static void Compile(Workspace workspace, CosmosDevkit devkit, string output)
    {
        string iso = Path.Combine(output, "kernel.iso");
        string symbols = Path.Combine(output, "kernel.elf");
        File.Delete(iso);
        File.Delete(symbols);

        // Cosmos' targets refuse Release. They run IL2CPU only when the kernel's own assembly has changed, and would
        // miss a change in a library: so everything is compiled anew. The analyzers belong to the ordinary build.
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
            // MSBuild that is asked to end while it runs a target ends with status 0.
            throw new BuildFailure(
                "the build of the Cosmos kernel ended with status 0 before there was a CD image: it was stopped, or "
                + $"Cosmos' targets did not run\n{messages}".TrimEnd());
        }

        File.Move(iso, workspace.CosmosIso, overwrite: true);
        if (File.Exists(symbols))
        {
            File.Move(symbols, workspace.CosmosSymbols, overwrite: true);
        }
    }
}
