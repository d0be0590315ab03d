using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// The driver's rings against the device side that was written without them, in memories with weak ordering: whatever
/// the schedule, no buffer is lost, torn or given back twice, and nobody sleeps for ever.
/// </summary>
public class ScheduleTests
{
    private const int Seed = 20;

    public static IEnumerable<TestCaseData> Cases
    {
        get
        {
            foreach (MemoryOrdering ordering in new[] { MemoryOrdering.ReleaseAcquire, MemoryOrdering.TotalStoreOrder })
            {
                foreach (Features form in Form.All)
                {
                    foreach (OrderingStory story in OrderingStory.All)
                    {
                        yield return new TestCaseData(ordering, form, story)
                            .SetArgDisplayNames(OrderingTrial.NameOf(ordering), Form.NameOf(form), story.Name);
                    }
                }
            }
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void No_schedule_breaks_it(object ordering, Features form, object story)
    {
        OrderingStory told = (OrderingStory)story;
        bool isShort = told == OrderingStory.One;
        using ScheduleExplorer explorer = new ScheduleExplorer(new ExplorationBounds
        {
            Ordering = (MemoryOrdering)ordering,
            Deviations = (isShort ? 2 : 1) + (Nightly.IsOn ? 1 : 0),
            MaximumSchedules = 20_000,
            RandomSchedules = Nightly.Cases(120, 4000),
            Seed = Seed,
        });
        ExplorationResult result = explorer.Explore(memory => told.Create(memory, form));
        TestContext.Out.WriteLine(result);
        Assert.That(result.Failure, Is.Null);
        Assert.That(result.IsExhaustive || Nightly.IsOn, Is.True, "the bound was not reached");
    }
}
