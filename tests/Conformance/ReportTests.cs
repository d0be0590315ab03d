using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.Json;
using System.Xml.Linq;
using NUnit.Framework;
using VirtioGuest.Conformance.Registry;
using VirtioGuest.Conformance.Reports;

namespace VirtioGuest.Conformance.Tests;

/// <summary>A run is told in every form, whatever is in it.</summary>
public sealed class ReportTests
{
    private static readonly Requirement s_reset = RequirementRegistry.All["drv.pci.19"];
    private static readonly Requirement s_order = RequirementRegistry.All["drv.general.1"];

    private static readonly Evidence s_evidence = new(
        "it's </script> & # \u0001 odd", "queue 0", ["Status <- 0", "two\nlines"], 3, ["[0: 1000+10]"]);

    private static readonly ConformanceRun s_run = new("a <run>",
    [
        new Verdict("tiny", s_order, Outcome.Pass, 5),
        new Verdict("tiny", s_reset, Outcome.Fail, 2, s_evidence),
        new Verdict("other", s_order, Outcome.Skip, 0, Reason: "nothing of it happened"),
        new Verdict("other", s_reset, Outcome.ExpectedFailure, 1, s_evidence, "it does not wait"),
        new Verdict("third", s_order, Outcome.UnexpectedPass, 1, Reason: "it was bad once"),
        new Verdict("third", s_reset, Outcome.Wedged, 1),
    ]);

    [Test]
    public void TAP_has_a_line_for_each_verdict_and_says_why()
    {
        StringWriter output = new();
        TapReport.Write(s_run, output);
        string[] lines = output.ToString().Split('\n');

        using (Assert.EnterMultipleScope())
        {
            Assert.That(lines[0], Is.EqualTo("TAP version 14"));
            Assert.That(lines[1], Is.EqualTo("1..6"));
            Assert.That(lines, Has.Member($"ok 1 - tiny: drv.general.1 {s_order.Text}"));
            Assert.That(lines, Has.Member($"not ok 2 - tiny: drv.pci.19 {s_reset.Text}"));
            Assert.That(lines, Has.Member("  message: 'it''s </script> & # \u0001 odd'"));
            Assert.That(lines, Has.Member("    - 'two lines'"));
            Assert.That(lines, Has.One.EndsWith("# SKIP nothing of it happened"));
            Assert.That(lines, Has.One.StartsWith("not ok 4").And.EndsWith("# TODO it does not wait"));
            Assert.That(lines, Has.One.StartsWith("ok 5").And.EndsWith("# TODO it was bad once"));
            Assert.That(lines, Has.One.StartsWith("not ok 6"));
        }
    }

    [Test]
    public void JUnit_has_a_suite_for_each_target()
    {
        using MemoryStream output = new();
        JUnitReport.Write(s_run, output);
        XElement root = XElement.Parse(Encoding.UTF8.GetString(output.ToArray()));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(root.Elements("testsuite").Select(each => (string?)each.Attribute("name")),
                Is.EqualTo(new[] { "tiny", "other", "third" }));
            Assert.That((int?)root.Attribute("tests"), Is.EqualTo(6));
            Assert.That((int?)root.Attribute("failures"), Is.EqualTo(2));
            Assert.That((int?)root.Attribute("errors"), Is.EqualTo(1));
            Assert.That((int?)root.Attribute("skipped"), Is.EqualTo(2));
            Assert.That(
                (string?)root.Descendants("failure").First().Attribute("message"),
                Is.EqualTo("it's </script> & # ? odd"));
        }
    }

    [Test]
    public void JSON_has_the_evidence_and_what_is_checked()
    {
        using JsonDocument document = Json();
        JsonElement verdict = document.RootElement.GetProperty("verdicts")[1];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(document.RootElement.GetProperty("good").GetBoolean(), Is.False);
            Assert.That(verdict.GetProperty("requirement").GetString(), Is.EqualTo("drv.pci.19"));
            Assert.That(verdict.GetProperty("verdict").GetString(), Is.EqualTo("FAIL"));
            Assert.That(verdict.GetProperty("severity").GetString(), Is.EqualTo("failure"));
            Assert.That(verdict.GetProperty("clause").GetString(), Is.EqualTo("4.1.4.3.2"));
            Assert.That(verdict.GetProperty("evidence").GetProperty("count").GetInt32(), Is.EqualTo(3));
            Assert.That(document.RootElement.GetProperty("coverage").GetArrayLength(), Is.GreaterThan(20));
        }
    }

    [Test]
    public void The_page_holds_the_run_and_nothing_in_it_ends_the_script()
    {
        StringWriter output = new();
        HtmlReport.Write(s_run, output);
        string page = output.ToString();
        const string Begin = "<script type=\"application/json\" id=\"run\">";
        int start = page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        string data = page[start..page.IndexOf("</script>", start, StringComparison.Ordinal)];
        using JsonDocument inPage = JsonDocument.Parse(data);
        using JsonDocument alone = Json();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(JsonElement.DeepEquals(inPage.RootElement, alone.RootElement), Is.True);
            Assert.That(page, Does.Not.Contain("http"), "it needs nothing besides");
        }
    }

    [Test]
    public void The_summary_has_the_worst_first_and_the_counts()
    {
        StringWriter output = new();
        SummaryText.Write(s_run, output);
        SummaryText.WriteCoverage(output);
        string text = output.ToString();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(text, Does.Contain("FAIL tiny: drv.pci.19"));
            Assert.That(text, Does.Contain("known: it does not wait"));
            Assert.That(text, Does.Contain("FAIL    1"));
            Assert.That(text, Does.Match("general +[0-9]+/[0-9]+"));
        }
    }

    [Test]
    public void A_folder_gets_all_of_them()
    {
        string folder = Path.Combine(TestContext.CurrentContext.WorkDirectory, "reports");

        ReportFolder.Write(s_run, folder, "tiny");

        Assert.That(
            Directory.GetFiles(folder).Select(Path.GetFileName),
            Is.SupersetOf(new[] { "tiny.tap", "tiny.xml", "tiny.json", "tiny.html" }));
    }

    [Test]
    public void A_known_failure_is_expected_and_its_end_is_noticed()
    {
        KnownFailures known = KnownFailures.Read(
            ["# a remark", "", "tiny drv.pci.19 it does not wait", "o* drv.general.1 old"]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(known.Apply(s_run.Verdicts[1]).Outcome, Is.EqualTo(Outcome.ExpectedFailure));
            Assert.That(known.Apply(s_run.Verdicts[1]).Reason, Is.EqualTo("it does not wait"));
            Assert.That(
                known.Apply(s_run.Verdicts[2] with { Outcome = Outcome.Pass }).Outcome,
                Is.EqualTo(Outcome.UnexpectedPass));
            Assert.That(known.Apply(s_run.Verdicts[2]).Outcome, Is.EqualTo(Outcome.Skip));
            Assert.That(known.Apply(s_run.Verdicts[0]).Outcome, Is.EqualTo(Outcome.Pass));
        }
    }

    [TestCase("tiny drv.pci.19", "needs a target, a requirement and a reason")]
    [TestCase("tiny drv.pci.1900 why", "there is no requirement drv.pci.1900")]
    public void A_list_of_known_failures_that_makes_no_sense_is_refused(string line, string why) =>
        Assert.That(() => KnownFailures.Read([line]), Throws.TypeOf<FormatException>().With.Message.Contains(why));

    [Test]
    public void Runs_of_a_target_are_merged_by_the_worst()
    {
        IReadOnlyList<Verdict> merged = VerdictMerge.Merge("all",
        [
            new Verdict("one", s_order, Outcome.Skip, 0, Reason: "nothing"),
            new Verdict("one", s_reset, Outcome.Pass, 4),
            new Verdict("two", s_order, Outcome.Pass, 2),
            new Verdict("two", s_reset, Outcome.Fail, 1, s_evidence),
            new Verdict("three", s_reset, Outcome.Fail, 1, s_evidence),
        ]);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(merged.Select(each => each.Outcome), Is.EqualTo(new[] { Outcome.Pass, Outcome.Fail }));
            Assert.That(merged.Select(each => each.Checked), Is.EqualTo(new[] { 2, 6 }));
            Assert.That(merged[1].Evidence!.Place, Is.EqualTo("two, queue 0"));
            Assert.That(merged[1].Evidence!.Count, Is.EqualTo(6));
        }
    }

    [Test]
    public void A_run_is_good_where_only_known_failures_are_left()
    {
        Verdict known = s_run.Verdicts[3];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(new ConformanceRun("a", [s_run.Verdicts[0], s_run.Verdicts[2], known]).IsGood, Is.True);
            Assert.That(new ConformanceRun("a", [s_run.Verdicts[4]]).IsGood, Is.False);
            Assert.That(new ConformanceRun("a", [s_run.Verdicts[5]]).IsGood, Is.False);
        }
    }

    private static JsonDocument Json()
    {
        using MemoryStream output = new();
        JsonReport.Write(s_run, output);
        return JsonDocument.Parse(output.ToArray());
    }
}
