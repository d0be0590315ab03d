using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Simulation.Tests;

/// <summary>Gathers every outcome that a small program can have.</summary>
internal static class Litmus
{
    public const AccessSite Writer = (AccessSite)1;
    public const AccessSite Reader = (AccessSite)2;

    /// <summary>The outcomes of a program, each as its registers' digits, sorted.</summary>
    /// <param name="ordering">Which order the memory keeps.</param>
    /// <param name="weakened">The place that is weakened.</param>
    /// <param name="program">Adds the processors; the function that it returns writes the outcome.</param>
    public static string Outcomes(
        MemoryOrdering ordering, AccessSite weakened, Func<WeakMemory, Scenario, Func<string>> program)
    {
        SortedSet<string> outcomes = new(StringComparer.Ordinal);
        using ScheduleExplorer explorer = new(new ExplorationBounds
        {
            Ordering = ordering,
            WeakenedSite = weakened,
            Deviations = 20,
            RandomSchedules = 500,
        });
        ExplorationResult result = explorer.Explore(memory =>
        {
            Scenario scenario = new();
            Func<string> outcome = program(memory, scenario);
            scenario.Check = () => outcomes.Add(outcome());
            return scenario;
        });
        Assert.That(result.Failure, Is.Null, result.ToString());
        Assert.That(result.IsExhaustive, Is.True, result.ToString());
        TestContext.Out.WriteLine(result);
        return string.Join(' ', outcomes);
    }
}
