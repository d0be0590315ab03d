using NUnit.Framework;
using VirtioGuest.Build.Testing;

namespace VirtioGuest.Build.Tests;

/// <summary>A run that did not come to its end must not pass for one without failures.</summary>
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
    public void Run_whose_filter_leaves_nothing_is_complete_without_a_report()
    {
        Assert.That(TestProject.IsComplete(null, 0, true, NoMatch), Is.True);
    }

    [Test]
    public void Status_is_explained_by_failed_tests_only()
    {
        Assert.Multiple(() =>
        {
            Assert.That(TestProject.IsComplete(s_allPassed, 0, false, string.Empty), Is.True);
            Assert.That(TestProject.IsComplete(s_oneFailed, 1, false, string.Empty), Is.True);
            Assert.That(TestProject.IsComplete(s_allPassed, 1, false, string.Empty), Is.False);
        });
    }
}
