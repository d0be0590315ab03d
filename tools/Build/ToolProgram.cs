using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build;

/// <summary>The programs under <c>tools</c> that this one runs.</summary>
internal static class ToolProgram
{
    private static readonly string[] s_common =
    [
        "Directory.Build.props", "Directory.Build.targets", "Directory.Packages.props", "global.json",
    ];

    /// <summary>Compiles one.</summary>
    /// <param name="workspace">Where things are.</param>
    /// <param name="folder">Its folder under <c>tools</c>.</param>
    /// <param name="name">What it is called, behind <c>VirtioGuest.</c>.</param>
    /// <returns>Its assembly, for <c>dotnet</c>.</returns>
    /// <exception cref="BuildFailure">It does not compile.</exception>
    public static string Compile(Workspace workspace, string folder, string name)
    {
        ExternalProgram.Run(
            "dotnet",
            [
                "build", Path.Combine(workspace.Root, "tools", folder), "-nologo", "-verbosity:quiet",
                $"-property:ArtifactsPath={workspace.Artifacts}",
            ]);
        return AssemblyOf(workspace, name);
    }

    /// <summary>Compiles one where its sources have changed.</summary>
    /// <param name="workspace">Where things are.</param>
    /// <param name="folder">Its folder under <c>tools</c>.</param>
    /// <param name="name">What it is called, behind <c>VirtioGuest.</c>.</param>
    /// <param name="inputs">The folders that its sources are in, from the repository's root on.</param>
    /// <returns>Its assembly, for <c>dotnet</c>.</returns>
    /// <exception cref="BuildFailure">It does not compile.</exception>
    public static string CompileOnce(Workspace workspace, string folder, string name, IEnumerable<string> inputs)
    {
        string assembly = AssemblyOf(workspace, name);
        IncrementalBuild.Run(
            Path.Combine(workspace.Artifacts, "obj", $"VirtioGuest.{name}", "stamp"),
            inputs.Concat(s_common).Select(each => Path.Combine(workspace.Root, each)),
            [assembly],
            () => Progress.Step($"compile tools/{folder}", () => Compile(workspace, folder, name)));
        return assembly;
    }

    /// <summary>Where its assembly is once it has been compiled.</summary>
    public static string AssemblyOf(Workspace workspace, string name) =>
        Path.Combine(workspace.Artifacts, "bin", $"VirtioGuest.{name}", "debug", $"VirtioGuest.{name}.dll");
}
