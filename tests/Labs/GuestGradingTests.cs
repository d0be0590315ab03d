using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Labs.Grader;

namespace VirtioGuest.Labs.Tests;

/// <summary>What a driver said in the guest is compared with what is known outside.</summary>
public sealed class GuestGradingTests
{
    private string _disk = string.Empty;

    [SetUp]
    public void MakeDisk()
    {
        _disk = Path.GetTempFileName();
        File.WriteAllBytes(_disk, [.. Enumerable.Range(0, 1024).Select(each => (byte)each)]);
    }

    [TearDown]
    public void DeleteDisk() => File.Delete(_disk);

    [Test]
    public void The_bytes_of_the_disk_pass()
    {
        string sector = Convert.ToHexString([.. Enumerable.Range(0, 512).Select(each => (byte)each)]);
        IReadOnlyList<CheckResult> results = Grade("begin reads sector 0", $"ok {sector}", "end");
        Assert.That(
            results.Select(each => (each.Name, each.HasPassed)), Is.EqualTo(new[] { ("reads sector 0", true) }));
    }

    [Test]
    public void Other_bytes_fail_and_both_are_shown()
    {
        CheckResult result = Grade("begin reads sector 1", "ok 00FF", "end").Single();
        Assert.That(result.Finding!.Seen, Is.EqualTo("in QEMU: 00FF"));
        Assert.That(result.Finding.Expected, Does.StartWith("000102"));
    }

    [Test]
    public void A_guest_that_stops_in_the_middle_fails_the_check_that_it_was_in()
    {
        CheckResult result = Grade("begin reads sector 1").Single();
        Assert.That((result.Name, result.HasPassed), Is.EqualTo(("reads sector 1", false)));
        Assert.That(result.Finding!.Seen, Does.Contain("did not come to its end"));
    }

    [Test]
    public void What_the_guest_says_of_a_failure_is_told()
    {
        CheckResult result = Grade("begin reads sector 1", "failed the driver has waited", "end").Single();
        Assert.That(result.Finding!.Seen, Is.EqualTo("in QEMU: the driver has waited"));
    }

    private IReadOnlyList<CheckResult> Grade(params string[] said) => GuestGrading.Grade(
        [$"lab: disk {_disk}", "VirtioGuest 0.1.0", .. said.Select(each => $"lab: {each}")]);
}
