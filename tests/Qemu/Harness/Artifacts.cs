using System;
using System.IO;
using NUnit.Framework;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>What the build has left for these tests to boot.</summary>
public static class Artifacts
{
    /// <summary>Names the folder of the artifacts in place of the repository's own.</summary>
    public const string FolderVariable = "VIRTIOGUEST_ARTIFACTS";

    private const string SolutionFile = "VirtioGuest.sln";

    /// <summary>The ISO for BIOS and UEFI.</summary>
    public static string Iso => Require("VirtioGuest.iso");

    /// <summary>The kernel with its symbols.</summary>
    public static string Elf => Require("VirtioGuest.elf");

    /// <summary>The kernel as the Linux boot protocol wants it.</summary>
    public static string BzImage => Require("VirtioGuest.bzImage");

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
