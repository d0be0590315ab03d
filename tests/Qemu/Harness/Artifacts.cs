using System;
using System.IO;
using NUnit.Framework;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>What the build has left for these tests to boot.</summary>
public static class Artifacts
{
    /// <summary>Names the folder of the artifacts in place of the repository's own.</summary>
    public const string FolderVariable = "VIRTIOGUEST_ARTIFACTS";

    /// <summary>Names the Cosmos kernel's ISO in place of the one among the artifacts.</summary>
    public const string CosmosIsoVariable = "VIRTIOGUEST_COSMOS_ISO";

    private const string SolutionFile = "VirtioGuest.sln";

    /// <summary>The ISO for BIOS and UEFI.</summary>
    public static string Iso => Require("VirtioGuest.iso");

    /// <summary>The kernel with its symbols.</summary>
    public static string Elf => Require("VirtioGuest.elf");

    /// <summary>The kernel as the Linux boot protocol wants it.</summary>
    public static string BzImage => Require("VirtioGuest.bzImage");

    /// <summary>An image of a program that runs in the place of the shell.</summary>
    /// <param name="program">The name of its project.</param>
    /// <param name="extension">The kind of image: <c>elf</c>, <c>iso</c> or <c>bzImage</c>.</param>
    public static string Program(string program, string extension) =>
        Require(Path.Combine("programs", program, $"{program}.{extension}"));

    /// <summary>The ISO of the Cosmos kernel; a test that asks for it is skipped where none was built.</summary>
    public static string CosmosIso
    {
        get
        {
            string? named = Environment.GetEnvironmentVariable(CosmosIsoVariable);
            string path = string.IsNullOrEmpty(named) ? Path.Combine(FindFolder(), "VirtioGuest.Cosmos.iso")
                : Path.GetFullPath(named);
            if (!File.Exists(path) && !string.IsNullOrEmpty(named))
            {
                Assert.Fail($"{CosmosIsoVariable} names {path}, which is not there.");
            }
            else if (!File.Exists(path))
            {
                Assert.Ignore($"{path} is missing. Where Cosmos' devkit is, make it with: ./build.sh cosmos-iso");
            }

            return path;
        }
    }

    /// <summary>Where a result belongs that people want to look at, among the artifacts.</summary>
    /// <param name="name">The file's name.</param>
    public static string Keep(string name)
    {
        string folder = Path.Combine(FindFolder(), "pictures");
        Directory.CreateDirectory(folder);
        return Path.Combine(folder, name);
    }

    private static string Require(string name)
    {
        string path = Path.Combine(FindFolder(), name);
        if (!File.Exists(path))
        {
            Assert.Fail($"{path} is missing. Make it with: ./build.sh iso");
        }

        return path;
    }

    private static string FindFolder()
    {
        string? named = Environment.GetEnvironmentVariable(FolderVariable);
        return string.IsNullOrEmpty(named) ? Path.Combine(FindRoot(), "artifacts") : Path.GetFullPath(named);
    }

    private static string FindRoot()
    {
        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, SolutionFile)))
            {
                return folder.FullName;
            }
        }

        Assert.Fail($"No {SolutionFile} above {AppContext.BaseDirectory}: build the tests inside the " +
            $"repository, or name the folder of the artifacts in {FolderVariable}.");
        return string.Empty;
    }
}
