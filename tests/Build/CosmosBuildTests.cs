using System;
using System.IO;
using NUnit.Framework;
using VirtioGuest.Build.Cosmos;

namespace VirtioGuest.Build.Tests;

/// <summary>What a build of the Cosmos kernel tells while it lasts, and when it does not come to its end.</summary>
internal sealed class CosmosBuildTests
{
    [Test]
    public void A_program_that_fails_is_told_with_its_status_and_what_it_said()
    {
        BuildFailure failure = Assert.Throws<BuildFailure>(
            () => ExternalProgram.Run("sh", ["-c", "echo it broke; exit 3"]))!;

        Assert.That(failure.Message, Does.StartWith("sh failed with status 3:").And.Contain("it broke"));
    }

    [TestCase("KILL", 9)]
    [TestCase("TERM", 15)]
    public void A_program_that_is_killed_is_said_to_be_killed(string signal, int number)
    {
        BuildFailure failure = Assert.Throws<BuildFailure>(
            () => ExternalProgram.Run("sh", ["-c", $"echo half done; kill -{signal} $$"]))!;

        Assert.That(failure.Message, Does.StartWith($"sh was killed by signal {number}:").And.Contain("half done"));
    }

    [Test]
    public void The_stage_is_what_the_newest_file_says_and_older_builds_count_for_nothing()
    {
        string output = Directory.CreateTempSubdirectory("vg-stages-").FullName;
        try
        {
            string folder = Path.Combine(output, "bin", "VirtioGuest.Cosmos.Kernel", "debug");
            Directory.CreateDirectory(folder);
            string old = Path.Combine(folder, "VirtioGuest.Cosmos.Kernel.obj");
            File.WriteAllText(old, "");
            File.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddHours(-1));
            var stages = new CosmosStages(output);
            Assert.That(stages.Current, Is.EqualTo("compiling the sources"));

            File.WriteAllText(Path.Combine(folder, "VirtioGuest.Cosmos.Kernel.dll"), "");
            Assert.That(stages.Current, Is.EqualTo("IL2CPU is reading the assemblies"));

            File.WriteAllBytes(Path.Combine(folder, "VirtioGuest.Cosmos.Kernel.asm"), new byte[3_000_000]);
            Assert.That(stages.Current, Is.EqualTo("IL2CPU and yasm are at work, 3 MB of asm"));
        }
        finally
        {
            Directory.Delete(output, recursive: true);
        }
    }
}
