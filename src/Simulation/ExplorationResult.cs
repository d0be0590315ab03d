using System;
using System.Collections.Generic;

namespace VirtioGuest.Simulation;

/// <summary>What a <see cref="ScheduleExplorer"/> found.</summary>
public sealed class ExplorationResult
{
    /// <summary>Describes what was found.</summary>
    internal ExplorationResult(long schedules, TimeSpan duration, bool isExhaustive, int seed)
    {
        Schedules = schedules;
        Duration = duration;
        IsExhaustive = isExhaustive;
        Seed = seed;
    }

    /// <summary>How the first schedule failed that did; null where none did.</summary>
    public string? Failure { get; internal init; }

    /// <summary>The choices of the failed schedule, for <see cref="ScheduleExplorer.Replay"/>.</summary>
    public string Choices { get; internal init; } = string.Empty;

    /// <summary>The accesses of the failed schedule, in order, in words.</summary>
    public IReadOnlyList<string> Trace { get; internal init; } = [];

    /// <summary>How many schedules were run.</summary>
    public long Schedules { get; }

    /// <summary>How long they took.</summary>
    public TimeSpan Duration { get; }

    /// <summary>Whether every schedule within the bound of deviations was run.</summary>
    public bool IsExhaustive { get; }

    /// <summary>What the random schedules drew from.</summary>
    public int Seed { get; }

    /// <inheritdoc/>
    public override string ToString()
    {
        string extent = IsExhaustive ? "all" : "some";
        string time = $"{Duration.TotalSeconds:0.00} s";
        string run = $"{Schedules} schedules ({extent} within the bound, seed {Seed}) in {time}";
        return Failure == null
            ? $"holds in {run}"
            : $"fails in {run}: {Failure}\nchoices: {Choices}\n{string.Join('\n', Trace)}";
    }
}
