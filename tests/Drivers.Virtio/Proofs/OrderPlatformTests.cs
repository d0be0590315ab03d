using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// ORDER_PLATFORM (virtio 1.4, 6.1): on a machine whose full barrier orders processors only, a device of a bus is
/// ordered by the stronger one that the feature asks for, and by nothing else.
/// </summary>
public class OrderPlatformTests
{
    private const int Driver = 0;

    public static IEnumerable<TestCaseData> Cases
    {
        get
        {
            foreach (MemoryOrdering ordering in new[] { MemoryOrdering.ReleaseAcquire, MemoryOrdering.TotalStoreOrder })
            {
                foreach (Features form in Form.All)
                {
                    yield return new TestCaseData(ordering, form & ~Features.OrderPlatform)
                        .SetArgDisplayNames(OrderingTrial.NameOf(ordering), Form.NameOf(form));
                }
            }
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void With_the_feature_no_schedule_breaks_a_ring_of_a_device_of_a_bus(object ordering, Features form)
    {
        foreach (OrderingStory story in new[] { OrderingStory.Alone, OrderingStory.Pairs, OrderingStory.Around })
        {
            string? failure = Explore((MemoryOrdering)ordering, form | Features.OrderPlatform, story);
            Assert.That(failure, Is.Null, story.Name);
        }
    }

    [TestCaseSource(nameof(Cases))]
    public void Without_it_some_schedule_does(object ordering, Features form) =>
        Assert.That(Explore((MemoryOrdering)ordering, form, OrderingStory.Alone), Is.Not.Null);

    private static string? Explore(MemoryOrdering ordering, Features form, OrderingStory story)
    {
        using ScheduleExplorer explorer = new ScheduleExplorer(new ExplorationBounds
        {
            Ordering = ordering,
            Deviations = 1,
            MaximumSchedules = 2000,
            RandomSchedules = Nightly.Cases(100, 2000),
            BusProcessor = Driver,
        });
        return explorer.Explore(memory => story.Create(memory, form)).Failure;
    }
}
