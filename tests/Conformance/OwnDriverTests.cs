using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Conform.Own;

namespace VirtioGuest.Conformance.Tests;

/// <summary>The drivers of this project keep everything, over their models and in all forms.</summary>
public sealed class OwnDriverTests
{
    /// <summary>What cannot happen to them: no model offers it, or they never do what it is about.</summary>
    private static readonly string[] s_nothingToJudge =
    [
        "drv.general.45", "drv.net.25", "drv.net.71",
    ];

    [Test]
    public void Our_drivers_break_nothing_and_everything_is_judged()
    {
        IReadOnlyList<Verdict> verdicts = OwnDriver.Judge("ours", hasPacked: true);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(
                verdicts.Where(each => each.Outcome == Outcome.Fail)
                    .Select(each => $"{each.Requirement.Id} {each.Evidence!.Place}: {each.Evidence.Text}"),
                Is.Empty);
            Assert.That(
                verdicts.Where(each => each.Outcome == Outcome.Skip).Select(each => each.Requirement.Id),
                Is.EquivalentTo(s_nothingToJudge));
        }
    }
}
