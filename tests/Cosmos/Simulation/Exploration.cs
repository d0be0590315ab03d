using System;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Tests.Rings;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>Runs a story anew for each of its steps; of long ones for some, and for all of them at night.</summary>
internal static class Exploration
{
    private const int MostSteps = 20_000;

    /// <summary>Runs it until it has no further step.</summary>
    /// <param name="fewest">How many steps it has at least: fewer are a story that was not told.</param>
    /// <param name="story">The story, with what happens after so many steps; whether it has so many.</param>
    /// <param name="all">How many steps are taken one by one, before some are left out.</param>
    public static void Run(int fewest, Func<int, bool> story, int all = 100)
    {
        int steps = 0;
        while (story(steps))
        {
            steps += Nightly.IsOn || steps < all ? 1 : 1 + (steps / all * 8) + (steps % 7);
            Assert.That(steps, Is.LessThan(MostSteps));
        }

        TestContext.Out.WriteLine($"{steps} steps");
        Assert.That(steps, Is.GreaterThanOrEqualTo(fewest));
    }
}
