using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>Each place that orders accesses or hands memory over earns its keep.</summary>
public class KillTests
{
    private static readonly ConcurrentDictionary<Trial, string?> s_unweakened = new();

    public static IEnumerable<TestCaseData> Kills =>
        KillTable.Kills.Select(kill => new TestCaseData(kill).SetArgDisplayNames(kill.ToString()));

    [Test]
    public void Every_place_is_in_the_table_and_every_line_of_the_table_names_a_place()
    {
        Assert.That(
            KillTable.Kills.Select(kill => kill.Site).Distinct().Order(), Is.EqualTo(KillTable.Names.Keys.Order()));
    }

    [TestCaseSource(nameof(Kills))]
    public void A_story_that_holds_fails_once_the_place_does_nothing(object each)
    {
        Kill kill = (Kill)each;
        string name = KillTable.Names.GetValueOrDefault(kill.Site, "a place that is gone");
        string? unweakened = s_unweakened.GetOrAdd(kill.Trial, trial => trial.Run(AccessSite.Unnamed));
        string? weakened = kill.Trial.Run(kill.Site);
        TestContext.Out.WriteLine(weakened?.Split('\n')[0]);
        Assert.That(unweakened, Is.Null, $"the story does not hold, whatever becomes of {name}");
        Assert.That(weakened, Is.Not.Null, $"nothing misses {name}");
        Assert.That(kill.Trial.OperationOf(kill.Site), Is.Not.Empty, $"the story does not come by {name}");
    }
}
