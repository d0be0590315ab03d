using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>What orders accesses or hands memory over has a name, so that the table can miss none of it.</summary>
public class NamedPlaceTests
{
    [Test]
    public void Every_hand_over_has_a_name_that_is_in_the_table(
        [ValueSource(typeof(Form), nameof(Form.All))] Features form)
    {
        foreach (LockStepStory story in LockStepStory.All)
        {
            CacheTrial trial = new CacheTrial(CacheMachine.FineCopyBack, form, story);
            Assert.That(trial.SitesPassed.Except(KillTable.Names.Keys), Is.EqualTo(new[] { ProofSites.Data }));
        }
    }

    [Test]
    public void Every_hand_over_of_the_drivers_has_a_name_that_is_in_the_table()
    {
        foreach (DriverStory story in new[]
        {
            BlockStories.Traffic, NetStories.Traffic, NetStories.BrokenQueue, NetStories.Commands,
            EntropyStories.Traffic,
        })
        {
            DriverTrial trial = new DriverTrial(CacheMachine.FineCopyBack, story);
            Assert.That(
                trial.SitesPassed.Except(KillTable.Names.Keys), Is.Empty.Or.EqualTo(new[] { ProofSites.Data }));
        }
    }

    [Test]
    public void Every_acquire_release_and_full_barrier_has_a_name_that_is_in_the_table(
        [ValueSource(typeof(Form), nameof(Form.All))] Features form)
    {
        using ScheduleExplorer explorer = new ScheduleExplorer();
        foreach (OrderingStory story in OrderingStory.All)
        {
            IEnumerable<string> trace = explorer.Replay(memory => story.Create(memory, form), string.Empty).Trace;
            IEnumerable<string> ordering = trace.Where(line =>
                line.Contains("acquire", StringComparison.Ordinal) || line.Contains("release", StringComparison.Ordinal)
                || line.Contains("full barrier", StringComparison.Ordinal));
            IEnumerable<string> strangers = ordering.Where(line =>
                !KillTable.Names.Keys.Any(site => line.EndsWith($"(site {(int)site})", StringComparison.Ordinal)));
            Assert.That(strangers, Is.Empty, story.Name);
        }
    }
}
