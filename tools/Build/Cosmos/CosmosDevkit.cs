using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Cosmos;

/// <summary>
/// An installed Cosmos devkit: the packages, compiler and other programs that Cosmos' targets build a kernel with.
/// </summary>
internal sealed class CosmosDevkit
{
    /// <summary>Names the devkit's folder if no option does; Cosmos' own targets read it as well.</summary>
    private const string FolderVariable = "CosmosDir";

    private const string Sources = "https://github.com/CosmosOS/Cosmos";

    /// <summary>Where Cosmos' <c>make install</c> records which folder it installed into.</summary>
    private const string InstallRecord = "/etc/CosmosUserKit.cfg";

    /// <summary>Those that the projects under <c>src/Cosmos</c> refer to; the others come with them.</summary>
    private static readonly string[] s_packages =
    [
        "Cosmos.Build", "Cosmos.Core", "Cosmos.Debug.Kernel", "Cosmos.HAL2", "Cosmos.Plugs", "Cosmos.System2",
        "IL2CPU.API", "XSharp",
    ];

    /// <summary>What the targets run on Linux, where a devkit brings no programs, and its Debian packages.</summary>
    private static readonly (string Program, string Package)[] s_programs =
        [("yasm", "yasm"), ("ld", "binutils"), ("xorriso", "xorriso")];

    private readonly string _programs;

    /// <param name="folder">Where it is, or should be.</param>
    /// <param name="programs">Where the targets look for the programs that they run on Linux.</param>
    public CosmosDevkit(string folder, string programs = "/usr/bin")
    {
        Folder = folder;
        _programs = programs;
    }

    public string Folder { get; }

    /// <summary>Why no kernel can be built with it and what to do, in one line; null if one can.</summary>
    public string? Problem
    {
        get
        {
            if (!Directory.Exists(Folder))
            {
                return $"There is no Cosmos devkit in {Folder}: {HowToGetIt}.";
            }

            string[] parts = [.. MissingParts()];
            if (parts.Length > 0)
            {
                return $"The Cosmos devkit in {Folder} has no {string.Join(", no ", parts)}: {HowToGetIt}.";
            }

            (string Program, string Package)[] programs = [.. MissingPrograms()];
            string paths = string.Join(", ", programs.Select(item => Path.Combine(_programs, item.Program)));
            string packages = string.Join(' ', programs.Select(item => item.Package));
            return programs.Length == 0 ? null
                : $"Cosmos needs programs that are not installed: {paths}. Run 'apt-get install {packages}'.";
        }
    }

    private static string HowToGetIt =>
        $"install it with {(OperatingSystem.IsWindows() ? "install-VS2022.bat" : "'make'")} in a clone of {Sources}, "
        + "or name the folder of one with --cosmos-dir";

    /// <summary>Decides where the devkit should be.</summary>
    /// <param name="named">The folder that the user named, if any.</param>
    public static CosmosDevkit Locate(string? named) => Locate(
        named,
        Environment.GetEnvironmentVariable(FolderVariable),
        File.Exists(InstallRecord) ? File.ReadAllText(InstallRecord) : null);

    /// <inheritdoc cref="Locate(string?)"/>
    /// <param name="named">The folder that the user named, if any.</param>
    /// <param name="variable">The value of the environment variable, if it is set.</param>
    /// <param name="record">What the installer recorded, if anything.</param>
    internal static CosmosDevkit Locate(string? named, string? variable, string? record)
    {
        string usual = OperatingSystem.IsWindows()
            ? Path.Combine(
                Environment.GetFolderPath(Environment.SpecialFolder.ApplicationData), "Cosmos User Kit")
            : "/opt/cosmos";
        string folder = new[] { named, variable, record?.Trim() }.FirstOrDefault(text => !string.IsNullOrEmpty(text))
            ?? usual;
        return new CosmosDevkit(Path.TrimEndingDirectorySeparator(Path.GetFullPath(folder)));
    }

    /// <exception cref="BuildFailure">There is a <see cref="Problem"/>, which is the message.</exception>
    public void Require()
    {
        if (Problem is { } problem)
        {
            throw new BuildFailure(problem);
        }
    }

    private IEnumerable<string> MissingParts()
    {
        const string Packages = "Packages";
        string packages = Path.Combine(Folder, Packages);
        string[] files = Directory.Exists(packages)
            ? [.. Directory.EnumerateFiles(packages, "*.nupkg").Select(file => Path.GetFileName(file))]
            : [];
        string[] missing = [.. s_packages.Where(package => !files.Any(file => IsPackage(file, package)))];
        foreach (string part in missing.Length == s_packages.Length ? ["*"] : missing)
        {
            yield return $"{Packages}/{part}.nupkg";
        }

        string compiler = OperatingSystem.IsWindows() ? "Build/IL2CPU/IL2CPU.exe" : "Build/IL2CPU/IL2CPU";
        if (!File.Exists(Path.Combine(Folder, compiler)))
        {
            yield return compiler;
        }

        // IL2CPU reads it for every kernel, even without debugging.
        const string DebugStub = "XSharp/DebugStub";
        if (!Directory.Exists(Path.Combine(Folder, DebugStub)))
        {
            yield return DebugStub;
        }
    }

    // NAME.VERSION.nupkg, and not NAME.MORE.VERSION.nupkg.
    private static bool IsPackage(string file, string name) =>
        file.Length > name.Length + 1 && file.StartsWith(name, StringComparison.OrdinalIgnoreCase)
        && file[name.Length] == '.' && char.IsAsciiDigit(file[name.Length + 1]);

    private IEnumerable<(string Program, string Package)> MissingPrograms() =>
        OperatingSystem.IsWindows() ? []
        : s_programs.Where(item => !File.Exists(Path.Combine(_programs, item.Program)));
}
