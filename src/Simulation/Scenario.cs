using System;
using System.Collections.Generic;
using VirtioGuest.Recording;

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

    /// <summary>The queues that recordings of it are to show.</summary>
    public List<RecordedQueue> Queues { get; } = [];

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

    /// <summary>Says that there is a queue in the memory, for recordings.</summary>
    public Scenario Showing(RecordedQueue queue)
    {
        Queues.Add(queue);
        return this;
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

/// <summary>A processor of a <see cref="Scenario"/>.</summary>
internal sealed record ScenarioProcessor(string Name, Action Body, bool IsBackground);

/// <summary>
/// A notification between processors of a <see cref="WeakMemory"/>: a message-signalled interrupt, or a write to a
/// doorbell.
/// </summary>
/// <remarks>
/// It carries along what its sender did before, as a message does that stays behind earlier writes on the bus, and as a
/// trapped register access does. It orders nothing else. Sent twice before it is waited for, it arrives once.
/// </remarks>
public sealed class Signal
{
    private readonly Interleaving _interleaving;

    internal Signal(Interleaving interleaving, int number)
    {
        _interleaving = interleaving;
        Number = number;
    }

    /// <summary>Whether it was sent since the last wait ended.</summary>
    public bool IsSet { get; internal set; }

    /// <summary>Which of the schedule's signals it is.</summary>
    internal int Number { get; }

    /// <summary>Sends it.</summary>
    public void Set() => _interleaving.Send(this);

    /// <summary>Waits until it was sent. A schedule in which nobody can go on has failed.</summary>
    public void Wait() => _interleaving.WaitFor(this);
}

/// <summary>A scenario found something that must not be.</summary>
public sealed class SimulationFailedException : Exception
{
    public SimulationFailedException(string message)
        : base(message)
    {
    }

    public SimulationFailedException()
    {
    }

    public SimulationFailedException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
