using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Conformance.Registry;
using VirtioGuest.Conformance.Reports;

namespace VirtioGuest.Conformance.Tests;

/// <summary>The page of a run, as a browser shows it.</summary>
public sealed class PageTests
{
    private static readonly string[] s_browsers = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];

    private static readonly ConformanceRun s_run = new("a run",
    [
        new Verdict("tiny", RequirementRegistry.All["drv.general.1"], Outcome.Pass, 5),
        new Verdict(
            "tiny",
            RequirementRegistry.All["drv.packed.3"],
            Outcome.Fail,
            2,
            new Evidence(
                "a <descriptor> changed",
                "queue 0",
                ["queue 0 taken id 3", "queue 0 used id 3"],
                2,
                ["[0: 1000+10 flags 81 3]", "[1: 2000+200 flags 8002 3]", "[table 0: 3000+1 flags 2 0]"])),
        new Verdict(
            "other",
            RequirementRegistry.All["drv.pci.19"],
            Outcome.ExpectedFailure,
            1,
            new Evidence("it was written", "status", ["Status <- 3"], 1, []),
            "it does not wait"),
    ]);

    private string _folder = string.Empty;

    [SetUp]
    public void WritePage()
    {
        _folder = Directory.CreateTempSubdirectory("page-").FullName;
        ReportFolder.Write(s_run, _folder, "run");
    }

    [TearDown]
    public void RemovePage() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void A_browser_shows_the_failures_first_with_their_steps_and_the_ring()
    {
        string page = Browse(string.Empty);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(page, Does.Contain("<h1 id=\"title\">a run</h1>"));
            Assert.That(page, Does.Contain("PASS 1, FAIL 1, XFAIL 1"));
            Assert.That(RowsOf(page), Is.EqualTo(new[] { "drv.packed.3 tiny" }));
            Assert.That(page, Does.Contain("a &lt;descriptor&gt; changed").And.Contain("queue 0 used id 3"));
            Assert.That(page, Does.Contain("<div>2000 + 200</div><div>WRITE USED</div><div>ID or next 3</div>"));
            Assert.That(page, Does.Contain("<div class=\"slot write table\"><b>table 0</b>"));
            Assert.That(page, Does.Match("<td>packed</td><td>driver</td><td>[0-9]+/[0-9]+</td>"));
        }
    }

    [TestCase("verdict=&target=tiny", "drv.general.1 tiny", "drv.packed.3 tiny")]
    [TestCase("verdict=XFAIL&area=pci&text=wait", "drv.pci.19 other")]
    public void Filters_show_what_was_asked_for(string filter, params string[] rows) =>
        Assert.That(RowsOf(Browse($"#{filter}")), Is.EqualTo(rows));

    private static string[] RowsOf(string page)
    {
        int start = page.IndexOf("<table id=\"verdicts\">", StringComparison.Ordinal);
        string table = page[start..page.IndexOf("</table>", start, StringComparison.Ordinal)];
        return
        [
            .. Regex.Matches(table, "<td class=\"mark [A-Z]+\">[A-Z]+</td><td>(?<row>[^<]*)</td>")
                .Select(match => match.Groups["row"].Value),
        ];
    }

    /// <summary>What the page has become once its program has run.</summary>
    private string Browse(string filter)
    {
        string? browser = s_browsers.FirstOrDefault(File.Exists);
        if (browser is null)
        {
            Assert.Ignore("There is no browser. Install one with: apt-get install chromium");
        }

        using Process process = Process.Start(new ProcessStartInfo(
            browser!,
            [
                "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                $"--user-data-dir={Path.Combine(_folder, "browser")}", "--dump-dom",
                $"file://{Path.Combine(_folder, "run.html")}{filter}",
            ])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        System.Threading.Tasks.Task<string> errors = process.StandardError.ReadToEndAsync();
        string page = process.StandardOutput.ReadToEnd();
        Assert.That(process.WaitForExit(TimeSpan.FromMinutes(1)), Is.True);
        Assert.That(process.ExitCode, Is.Zero, errors.Result);
        return page;
    }
}
