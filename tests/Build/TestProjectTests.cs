using System.Xml.Linq;
using NUnit.Framework;
using VirtioGuest.Build.Testing;

namespace VirtioGuest.Build.Tests;

/// <summary>The counts come from the runner's report, and an interrupted run never passes for a good one.</summary>
internal sealed class TestProjectTests
{
    private const string NoMatch = "No test matches the given testcase filter";

    private static readonly TestReport s_allPassed = new(new TestCounts(3, 0, 0), []);
    private static readonly TestReport s_oneFailed = new(new TestCounts(2, 1, 0), ["FAILED one"]);

    [TestCase(0, false, "")]
    [TestCase(0, false, NoMatch)]
    [TestCase(0, true, "")]
    [TestCase(1, true, NoMatch)]
    public void Run_without_a_report_is_incomplete(int status, bool isFiltered, string output)
    {
        Assert.That(TestProject.IsComplete(null, status, isFiltered, output), Is.False);
    }

    [Test]
    public void Run_in_which_the_filter_matches_nothing_is_complete_without_a_report()
    {
        Assert.That(TestProject.IsComplete(null, 0, true, NoMatch), Is.True);
    }

    [Test]
    public void Only_failed_tests_explain_a_status_other_than_0()
    {
        Assert.Multiple(() =>
        {
            Assert.That(TestProject.IsComplete(s_allPassed, 0, false, string.Empty), Is.True);
            Assert.That(TestProject.IsComplete(s_oneFailed, 1, false, string.Empty), Is.True);
            Assert.That(TestProject.IsComplete(s_allPassed, 1, false, string.Empty), Is.False);
        });
    }

    [Test]
    public void Outcomes_are_counted_and_failures_named()
    {
        XDocument report = XDocument.Parse(
            """
            <TestRun xmlns="http://microsoft.com/schemas/VisualStudio/TeamTest/2010">
              <Results>
                <UnitTestResult testName="good" outcome="Passed" />
                <UnitTestResult testName="late" outcome="NotExecuted" />
                <UnitTestResult testName="bad" outcome="Failed">
                  <Output><ErrorInfo><Message>expected 1</Message><StackTrace>at X</StackTrace></ErrorInfo></Output>
                </UnitTestResult>
              </Results>
            </TestRun>
            """);

        TestReport result = TestReport.Parse(report);

        Assert.Multiple(() =>
        {
            Assert.That(result.Counts.ToString(), Is.EqualTo("1 passed, 1 failed, 1 skipped"));
            Assert.That(result.Failures, Has.Count.EqualTo(1));
            Assert.That(result.Failures[0], Is.EqualTo("FAILED bad\nexpected 1\nat X"));
        });
    }

    [Test]
    public void Skipped_tests_are_mentioned_only_if_there_are_any()
    {
        Assert.That(new TestCounts(3, 0, 0).ToString(), Is.EqualTo("3 passed, 0 failed"));
    }
}
