using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// A device does not wait for the end of a driver's call: on every machine it acts once before each access and each
/// hand-over of the driver. The auditor has to look away, because bus_dma has no words for memory that a device may
/// write while the driver looks at it.
/// </summary>
public class InterruptionTests
{
    private const int MostSteps = 1000;

    public static IEnumerable<TestCaseData> Cases => CacheStoryTests.Cases;

    [TestCaseSource(nameof(Cases))]
    public void Whenever_the_device_acts_nothing_is_lost(object? machine, Features form)
    {
        int steps = 0;
        while (Run((CacheMachine?)machine, form, steps))
        {
            steps++;
            Assert.That(steps, Is.LessThan(MostSteps));
        }

        TestContext.Out.WriteLine($"{steps} places");
        Assert.That(steps, Is.GreaterThan(20));
    }

    private static bool Run(CacheMachine? machine, Features form, int steps)
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions
        {
            Cache = machine?.CreateCache(steps) ?? new CoherentCache(),
            AuditsOwnership = false,
        });
        bool isReached = false;
        string? failure = HandOverTrial.FailureOf(dma, () => isReached = new InterruptedExchange(dma, form).Run(steps));
        Assert.That(failure, Is.Null, $"the device acts after {steps} steps");
        return isReached;
    }
}
