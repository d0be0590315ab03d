using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>
/// What the MSBuild target <c>KernelObjects</c> leaves: two object files, and where the runtime's libraries are.
/// </summary>
/// <param name="Kernel">The kernel program with the class library that it uses.</param>
/// <param name="LibOS">LibOS, not yet fit to link: see <see cref="LibOSObject"/>.</param>
/// <param name="Runtime">The folder of the runtime's static libraries.</param>
/// <param name="Framework">The folder of the class library's native parts.</param>
internal sealed record KernelObjects(string Kernel, string LibOS, string Runtime, string Framework)
{
    /// <summary>Compiles the kernel and LibOS.</summary>
    public static KernelObjects Compile(Workspace workspace)
    {
        string list = workspace.Intermediate("objects.txt");
        File.Delete(list);
        ExternalProgram.Run(
            "dotnet",
            [
                "msbuild", workspace.KernelProject, "-nologo", "-verbosity:quiet", "-restore", "-target:KernelObjects",
                "-property:Configuration=Release", $"-property:ArtifactsPath={workspace.Artifacts}",
                $"-property:KernelObjectList={list}",
            ]);
        if (!File.Exists(list))
        {
            throw new BuildFailure("the compilation of the kernel was interrupted");
        }

        Dictionary<string, string> paths = File.ReadLines(list)
            .Select(line => line.Split('=', 2))
            .ToDictionary(parts => parts[0], parts => parts[1]);
        return new KernelObjects(paths["kernel"], paths["libos"], paths["runtime"], paths["framework"]);
    }
}
