using System.Xml.Linq;
using NUnit.Framework;
using VirtioGuest.Build.Testing;

namespace VirtioGuest.Build.Tests;

/// <summary>The counts come from the test runner's report.</summary>
internal sealed class TestReportTests
{
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
    public void Line_without_skipped_tests_has_two_counts()
    {
        Assert.That(new TestCounts(3, 0, 0).ToString(), Is.EqualTo("3 passed, 0 failed"));
    }
}
