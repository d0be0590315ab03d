using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// The driver's rings on every machine whose devices do not see the cache: each step has to find what it has to, and
/// the auditor has nothing to say.
/// </summary>
public class CacheStoryTests
{
    private static IEnumerable<CacheMachine?> Machines => CacheMachine.All.Prepend(null);

    public static IEnumerable<TestCaseData> Cases =>
        from machine in Machines
        from form in Form.All
        select new TestCaseData(machine, form)
            .SetArgDisplayNames(machine?.Name ?? "coherent", Form.NameOf(form));

    [TestCaseSource(nameof(Cases))]
    public void Every_step_finds_what_it_has_to(object? machine, Features form)
    {
        foreach (LockStepStory story in LockStepStory.All)
        {
            CacheTrial trial = new CacheTrial((CacheMachine?)machine, form, story);
            Assert.That(trial.Run(Weakening.None), Is.Null, story.Name);
            Assert.That(trial.RunAudited(), Is.Null, $"{story.Name}, audited");
        }
    }
}
