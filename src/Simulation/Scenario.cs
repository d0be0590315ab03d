using System;
using System.Collections.Generic;

namespace VirtioGuest.Simulation;

/// <summary>What the processors of a <see cref="WeakMemory"/> do in one schedule. Made anew for each.</summary>
/// <remarks>
/// A body may only depend on what it reads from the memory and on what its own processor did: the explorer brings a
/// schedule back by running it again.
/// </remarks>
public sealed class Scenario
{
    /// <summary>What is to hold once every processor has ended; the memory then holds the newest values.</summary>
    public Action? Check { get; set; }

    /// <summary>The processors.</summary>
    internal List<ScenarioProcessor> Processors { get; } = [];

    /// <summary>Fails the schedule unless a condition holds.</summary>
    public static void Require(bool condition, string otherwise)
    {
        if (!condition)
        {
            throw new SimulationFailedException(otherwise);
        }
    }

    /// <summary>Adds a processor, at most 8.</summary>
    /// <param name="name">What traces call it.</param>
    /// <param name="body">What it does. An exception fails the schedule.</param>
    /// <param name="isBackground">
    /// Whether the schedule is over although it has not ended, as a device has not that waits for more.
    /// </param>
    public Scenario AddProcessor(string name, Action body, bool isBackground = false)
    {
        if (Processors.Count == Interleaving.MaximumProcessors)
        {
            throw new InvalidOperationException("There are too many processors.");
        }

        Processors.Add(new ScenarioProcessor(name, body, isBackground));
        return this;
    }
}
