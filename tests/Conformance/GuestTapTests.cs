using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Conformance.Registry;
using VirtioGuest.Conformance.Reports;
using VirtioGuest.Conformance.Traces;

namespace VirtioGuest.Conformance.Tests;

/// <summary>What <c>conform</c> writes in a guest becomes verdicts like all others.</summary>
public sealed class GuestTapTests
{
    private const string List = """
        vg> conform --list
        status.reset            MUST       2.4.1             A reset sets the status to 0
        notify.early            SHOULD     2.7.7.2, 2.8.10   With EVENT_IDX no buffer before that is told of
        robust.loop             robustness 2.7.5.1           A chain that goes in a circle is survived
        """;

    private const string Report = """
        TAP version 14
        1..4
        ok 1 - disk0 status.reset: A reset sets the status to 0
        not ok 2 - disk0 notify.early (packed, event index): With EVENT_IDX no buffer before that is told of
          ---
          message: 'it''s early'
          severity: fail
          clause: 'virtio 1.4, 2.7.7.2, 2.8.10'
          level: SHOULD
          ...
        ok 3 - disk0 robust.loop (split): A chain that goes in a circle is survived # SKIP would break a rule
        not ok 4 - net0 status.reset: A reset sets the status to 0
          ---
          message: 'does not answer'
          severity: wedged
          ...
        # disk0: 1 passed
        """;

    [Test]
    public void Each_test_is_a_verdict_with_its_clause_level_and_evidence()
    {
        IReadOnlyList<Verdict> verdicts = Read(List + "\n" + Report);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(verdicts.Select(each => each.Target), Is.EqualTo(new[]
            {
                "qemu/disk0 q35", "qemu/disk0 q35, packed, event index", "qemu/disk0 q35, split", "qemu/net0 q35",
            }));
            Assert.That(
                verdicts.Select(each => each.Outcome),
                Is.EqualTo(new[] { Outcome.Pass, Outcome.Fail, Outcome.Skip, Outcome.Wedged }));
            Assert.That(verdicts[1].Evidence!.Text, Is.EqualTo("it's early"));
            Assert.That(verdicts[1].Requirement.Block.Section, Is.EqualTo("2.7.7.2, 2.8.10"));
            Assert.That(verdicts[1].Requirement.Level, Is.EqualTo(Level.Should));
            Assert.That(verdicts[1].Requirement.Text, Does.StartWith("With EVENT_IDX"));
            Assert.That(verdicts[2].Reason, Is.EqualTo("would break a rule"));
            Assert.That(verdicts[3].Evidence!.Text, Is.EqualTo("does not answer"));
        }
    }

    [TestCase("not ok 4 - net0", 4)]
    [TestCase("ok 3 - disk0", 3)]
    [TestCase("ok 3 - di", 3)]
    public void A_report_that_ends_too_early_is_a_device_that_took_its_monitor_along(string end, int verdicts)
    {
        string text = List + "\n" + Report;
        int at = text.IndexOf(end, StringComparison.Ordinal);

        IReadOnlyList<Verdict> read = Read(text[..at] + (end.Length < 12 ? end : string.Empty));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(read, Has.Count.EqualTo(verdicts));
            Assert.That(read[^1].Outcome, Is.EqualTo(Outcome.Wedged));
            Assert.That(read[^1].Evidence!.Text, Does.Contain("of 4 tests"));
        }
    }

    [TestCase(List, "no report")]
    [TestCase(Report, "not in the list")]
    [TestCase("", "no report")]
    public void Text_without_a_report_or_without_the_list_is_refused(string text, string why) =>
        Assert.That(() => Read(text), Throws.TypeOf<FormatException>().With.Message.Contains(why));

    [Test]
    public void A_kept_run_has_the_counts_and_each_failure_once_with_where_why_and_evidence()
    {
        KnownFailures known = KnownFailures.Read(["\"qemu/disk0 q35, *\" notify.* QEMU's fault"]);
        ConformanceRun run = new("virtio conformance of qemu", [.. Read(List + "\n" + Report).Select(known.Apply)]);
        string folder = Directory.CreateTempSubdirectory("kept-").FullName;

        RecordReport.Write(run, folder, "qemu", "./build.sh conform", "QEMU 7.2");

        string page = File.ReadAllText(Path.Combine(folder, "qemu.md"));
        string data = File.ReadAllText(Path.Combine(folder, "qemu.json"));
        Directory.Delete(folder, recursive: true);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(page, Does.StartWith("# Virtio conformance of qemu\n\n`./build.sh conform`: QEMU 7.2.\n"));
            Assert.That(page, Does.Contain("| qemu/disk0 q35, packed, event index | 0 | 0 | 1 | 0 |"));
            Assert.That(page, Does.Contain("## notify.early").And.Contain("- judgement: QEMU's fault"));
            Assert.That(page, Does.Contain("it's early (1 times)"));
            Assert.That(page, Does.Contain("- it stopped answering"));
            Assert.That(data, Does.Contain("\"qemu/disk0 q35\":{\"PASS\":[\"status.reset\"]}"));
        }
    }

    private static IReadOnlyList<Verdict> Read(string text)
    {
        using StringReader reader = new(text);
        return GuestTap.Read("qemu", "q35", reader);
    }
}
