using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>Each place that orders accesses or hands memory over earns its keep.</summary>
public class KillTests
{
    private static readonly DmaSync[] s_operations =
    {
        DmaSync.PreRead, DmaSync.PostRead, DmaSync.PreWrite, DmaSync.PostWrite,
    };

    private static readonly ConcurrentDictionary<Trial, string?> s_unweakened = new();

    public static IEnumerable<TestCaseData> Kills =>
        KillTable.Kills.Select(kill => new TestCaseData(kill).SetArgDisplayNames(kill.ToString()));

    public static IEnumerable<TestCaseData> KillsOfTheAuditor =>
        KillTable.Kills.Where(kill => kill.IsSeenByAuditorOnly)
            .Select(kill => new TestCaseData(kill).SetArgDisplayNames(kill.ToString()));

    [Test]
    public void Every_place_is_in_the_table_and_every_line_of_the_table_names_a_place()
    {
        Assert.That(
            KillTable.Kills.Select(kill => kill.Site).Distinct().Order(), Is.EqualTo(KillTable.Names.Keys.Order()));
    }

    [Test]
    public void A_place_that_makes_several_hand_overs_has_a_line_for_each()
    {
        foreach (IGrouping<AccessSite, Kill> lines in KillTable.Kills.GroupBy(kill => kill.Site))
        {
            if (lines.First().Trial is not HandOverTrial trial)
            {
                continue;
            }

            DmaSync[] made = [.. s_operations.Where(each => (trial.OperationsOf(lines.Key) & each) != 0)];
            DmaSync[] expected = made.Length == 1 ? [0] : made;
            Assert.That(
                lines.Select(kill => kill.Part), Is.EquivalentTo(expected), KillTable.Names[lines.Key]);
        }
    }

    [TestCaseSource(nameof(KillsOfTheAuditor))]
    public void What_the_table_says_that_only_the_auditor_sees_goes_wrong_on_no_machine(object each)
    {
        Kill kill = (Kill)each;
        foreach (CacheMachine machine in CacheMachine.All)
        {
            HandOverTrial trial = (HandOverTrial)kill.Trial with { Hardware = machine };
            Assert.That(trial.Run(kill.Weakened), Is.Null, $"data show it on {machine}");
        }
    }

    [TestCaseSource(nameof(Kills))]
    public void A_story_that_holds_fails_once_the_place_does_nothing(object each)
    {
        Kill kill = (Kill)each;
        string name = KillTable.Names.GetValueOrDefault(kill.Site, "a place that is gone");
        string? unweakened = s_unweakened.GetOrAdd(kill.Trial, trial => trial.Run(Weakening.None));
        string? weakened = kill.Trial.Run(kill.Weakened);
        TestContext.Out.WriteLine(weakened?.Split('\n')[0]);
        Assert.That(unweakened, Is.Null, $"the story does not hold, whatever becomes of {name}");
        Assert.That(weakened, Is.Not.Null, $"nothing misses {name}");
        Assert.That(kill.Trial.OperationOf(kill.Site), Is.Not.Empty, $"the story does not come by {name}");
    }
}
