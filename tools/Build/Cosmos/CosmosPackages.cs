using System.Collections.Generic;
using System.IO;

namespace VirtioGuest.Build.Cosmos;

/// <summary>Makes the packages that a kernel of somebody else's refers to, against an installed devkit.</summary>
internal static class CosmosPackages
{
    private static readonly string[] s_projects =
    [
        "src/Hal/VirtioGuest.Hal.csproj", "src/Pci/VirtioGuest.Pci.csproj",
        "src/Drivers/Virtio/VirtioGuest.Drivers.Virtio.csproj",
        "src/Cosmos/VirtioGuest.Cosmos/VirtioGuest.Cosmos.csproj",
        "src/Cosmos/VirtioGuest.Cosmos.Plugs/VirtioGuest.Cosmos.Plugs.csproj",
    ];

    /// <summary>The projects of which there is a package, those that others need first.</summary>
    public static IReadOnlyList<string> Projects => s_projects;

    /// <summary>Makes all of them.</summary>
    /// <exception cref="BuildFailure">The devkit is not there or not complete, or the build failed.</exception>
    public static void Build(Workspace workspace, CosmosDevkit devkit)
    {
        devkit.Require();
        string output = workspace.Intermediate("cosmos-packages");
        new Progress().Step("pack the drivers for Cosmos", () =>
        {
            foreach (string project in s_projects)
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
}
