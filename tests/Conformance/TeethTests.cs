using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Conformance.Registry;
using VirtioGuest.Conformance.Tests.Drivers;

namespace VirtioGuest.Conformance.Tests;

/// <summary>Every rule is broken by a driver that was made to break it, and by nobody else.</summary>
public sealed class TeethTests
{
    private const int LeastWrongDrivers = 60;

    private static IEnumerable<WrongDriver> All =>
    [
        .. WrongLives.All(), .. WrongRings.Split(), .. WrongRings.Packed(), .. WrongTransports.Pci(),
        .. WrongTransports.Mmio(), .. WrongRequests.Block(), .. WrongRequests.Entropy(), .. WrongRequests.Net(),
    ];

    private static IEnumerable<TestCaseData> Cases => All.Select(each => new TestCaseData(each).SetArgDisplayNames(
        each.ToString()));

    [TestCaseSource(nameof(Cases))]
    public void A_wrong_driver_breaks_what_it_was_made_to_break(object made)
    {
        WrongDriver wrong = (WrongDriver)made;
        using TinyDriver driver = new(wrong.Setup);
        wrong.Change(driver);

        string[] broken = driver.Run();

        Assert.That(broken, Is.EqualTo(new[] { wrong.Requirement }), Explain(driver));
    }

    [TestCaseSource(nameof(Cases))]
    public void A_right_driver_breaks_nothing_there(object made)
    {
        WrongDriver wrong = (WrongDriver)made;
        using TinyDriver driver = new(wrong.Setup);

        string[] broken = driver.Run();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(broken, Is.Empty, Explain(driver));
            Assert.That(driver.Model.Findings, Is.Empty);
        }
    }

    [Test]
    public void Every_rule_has_a_driver_that_breaks_it()
    {
        HashSet<string> broken = [.. All.Select(each => each.Requirement)];
        string[] audited =
        [
            .. RequirementRegistry.All.Requirements
                .Where(each => each.Check == Check.Audited)
                .Select(each => each.Id),
        ];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(audited.Where(each => !broken.Contains(each)), Is.Empty);
            Assert.That(broken.Where(each => !audited.Contains(each)), Is.Empty);
            Assert.That(All.Count(), Is.GreaterThanOrEqualTo(LeastWrongDrivers));
        }
    }

    [Test]
    public void A_breach_is_told_with_the_steps_that_led_there()
    {
        using TinyDriver driver = new(Setups.Disk());
        driver.After("work", () => driver.Status = 0xB);

        driver.Run();

        Verdict verdict = driver.Verdicts().Single(each => each.Outcome == Outcome.Fail);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(verdict.Evidence!.Text, Is.EqualTo("status f was overwritten by b"));
            Assert.That(verdict.Evidence.Steps[^1], Is.EqualTo("Status <- b (8 bits)"));
            Assert.That(verdict.Evidence.Steps, Has.Count.EqualTo(16));
            Assert.That(verdict.Evidence.Count, Is.EqualTo(1));
        }
    }

    [Test]
    public void A_breach_of_a_ring_is_told_with_its_picture()
    {
        using TinyDriver driver = new(Setups.Disk());
        WrongRings.Split().First(each => each.Requirement == "drv.split.21").Change(driver);
        driver.Machine.Model.Queues[0].Notifications = Devices.NotificationMode.Never;

        driver.Run();

        Verdict verdict = driver.Verdicts().Single(each => each.Outcome == Outcome.Fail);
        Assert.That(verdict.Evidence!.Ring[0], Does.StartWith("[0: "));
    }

    private static string Explain(TinyDriver driver) => string.Join('\n', driver.Verdicts()
        .Where(each => each.Outcome == Outcome.Fail)
        .Select(each => $"{each.Requirement.Id}: {each.Evidence!.Text}\n  {string.Join("\n  ", each.Evidence.Steps)}"));
}
