using System;
using System.Collections.Generic;
using NUnit.Framework;

namespace VirtioGuest.Build.Tests;

/// <summary>How a program ended, and what it wrote, reaches whoever ran it.</summary>
internal sealed class ExternalProgramTests
{
    private static readonly TimeSpan s_long = TimeSpan.FromMinutes(1);

    [Test]
    public void Failure_of_a_program_has_its_status_and_output()
    {
        BuildFailure failure = Assert.Throws<BuildFailure>(
            () => ExternalProgram.Run("sh", ["-c", "echo it broke; exit 3"]))!;

        Assert.That(failure.Message, Does.StartWith("sh failed with status 3:").And.Contain("it broke"));
    }

    [TestCase("KILL", 9)]
    [TestCase("TERM", 15)]
    public void Failure_of_a_killed_program_names_the_signal(string signal, int number)
    {
        BuildFailure failure = Assert.Throws<BuildFailure>(
            () => ExternalProgram.Run("sh", ["-c", $"echo half done; kill -{signal} $$"]))!;

        Assert.That(failure.Message, Does.StartWith($"sh was killed by signal {number}:").And.Contain("half done"));
    }

    [Test]
    public void Program_that_ends_in_time_gives_its_status_and_both_outputs()
    {
        Assert.That(
            RunFor(s_long, "echo $VG_WORD; echo trouble >&2; exit 5"), Is.EqualTo(((int?)5, "word\n", "trouble\n")));
    }

    [Test]
    public void Program_whose_time_is_up_is_killed_and_has_no_status()
    {
        Assert.That(
            RunFor(TimeSpan.FromSeconds(1), "echo begun; sleep 60"), Is.EqualTo(((int?)null, "begun\n", "")));
    }

    [Test]
    public void Program_whose_time_was_up_before_it_started_is_killed_at_once() =>
        Assert.That(RunFor(TimeSpan.FromSeconds(-1), "sleep 60").Status, Is.Null);

    private static (int? Status, string Output, string Errors) RunFor(TimeSpan limit, string script) =>
        ExternalProgram.RunFor(
            limit, "sh", ["-c", script], new Dictionary<string, string> { ["VG_WORD"] = "word" });
}
