using System;
using System.Collections.Generic;
using System.Diagnostics;
using VirtioGuest.Hal;
using VirtioGuest.Recording;

namespace VirtioGuest.Simulation;

/// <summary>
/// Runs a scenario under one schedule after another: which processor makes the next access, and what a load sees of
/// what was stored.
/// </summary>
/// <remarks>
/// First come all schedules without a deviation, then all with at most one, and so on up to the bound, depth first;
/// then random ones. The first failure ends the exploration, so it is one with as few deviations as possible.
/// </remarks>
public sealed unsafe class ScheduleExplorer : IDisposable
{
    private const int MostSteps = 60_000;

    private readonly ExplorationBounds _bounds;
    private readonly WeakMemory _memory;
    private readonly ChoiceSequence _choices = new();
    private readonly OrderingModel _ordering;
    private readonly Interleaving _interleaving;

    /// <summary>Creates an explorer, which keeps its threads until it is disposed of.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A bound is out of its range.</exception>
    /// <exception cref="InvalidOperationException">The process did not ask for simulations at its start.</exception>
    public ScheduleExplorer(ExplorationBounds? bounds = null)
    {
        InstalledSimulation.RequireSupport();
        _bounds = bounds ?? new ExplorationBounds();
        if (_bounds.MaximumSteps is < 1 or > MostSteps || _bounds.Deviations < 0 || _bounds.MemoryLength > 1 << 20)
        {
            throw new ArgumentOutOfRangeException(nameof(bounds));
        }

        _memory = new WeakMemory(_bounds.MemoryLength);
        _ordering = _bounds.Ordering == MemoryOrdering.TotalStoreOrder
            ? new TotalStoreOrdering(_memory.Start, _choices)
            : new ReleaseAcquireOrdering(_memory.Start, _bounds.MemoryLength, _choices);
        MemorySimulation[] accesses = new MemorySimulation[Interleaving.MaximumProcessors];
        _interleaving = new Interleaving(
            _ordering,
            _choices,
            _bounds.MaximumSteps,
            processor => MemorySimulation.Current = processor < 0 ? null : accesses[processor]);
        _memory.Attach(_interleaving);
        for (int i = 0; i < accesses.Length; i++)
        {
            accesses[i] = new ProcessorAccess(_memory, _ordering, _interleaving, i)
            {
                WeakenedSite = _bounds.WeakenedSite,
                IsBeforeBus = _bounds.BusProcessor == i,
            };
        }
    }

    /// <summary>Explores a scenario.</summary>
    /// <param name="create">Makes it in an empty memory, the same each time.</param>
    public ExplorationResult Explore(Func<WeakMemory, Scenario> create)
    {
        Stopwatch clock = Stopwatch.StartNew();
        long schedules = 0;
        string? failure = null;
        bool isExhaustive = true;
        bool wasLimited = true;
        for (int deviations = 0; deviations <= _bounds.Deviations && wasLimited && isExhaustive; deviations++)
        {
            wasLimited = false;
            do
            {
                if (schedules == _bounds.MaximumSchedules)
                {
                    isExhaustive = false;
                    break;
                }

                _choices.Start(deviations);
                schedules++;
                failure = Run(create);
                wasLimited |= _choices.WasLimited;
            }
            while (failure is null && _choices.MoveNext());

            if (failure is not null)
            {
                return Failed(create, failure, schedules, clock, isExhaustive: false);
            }
        }

        Random random = new Random(_bounds.Seed);
        for (int i = 0; i < _bounds.RandomSchedules; i++)
        {
            _choices.Start(random, 2 << (i % 5));
            schedules++;
            failure = Run(create);
            if (failure is not null)
            {
                return Failed(create, failure, schedules, clock, isExhaustive);
            }
        }

        _choices.Start(string.Empty);
        return new ExplorationResult(schedules, clock.Elapsed, isExhaustive, _bounds.Seed);
    }

    /// <summary>Runs one schedule again.</summary>
    /// <param name="create">Makes the scenario in which it was found.</param>
    /// <param name="choices">From <see cref="ExplorationResult.Choices"/>.</param>
    public ExplorationResult Replay(Func<WeakMemory, Scenario> create, string choices)
    {
        Stopwatch clock = Stopwatch.StartNew();
        List<string> trace = [];
        _interleaving.Trace = trace;
        _choices.Start(choices);
        string? failure = Run(create);
        _interleaving.Trace = null;
        string made = _choices.ToString();
        _choices.Start(string.Empty);
        return new ExplorationResult(1, clock.Elapsed, isExhaustive: false, _bounds.Seed)
        {
            Failure = failure,
            Choices = made,
            Trace = trace,
        };
    }

    /// <summary>Runs one schedule again and records it to a file, which is replaced.</summary>
    /// <param name="create">Makes the scenario in which it was found.</param>
    /// <param name="choices">
    /// From <see cref="ExplorationResult.Choices"/>; empty for the schedule without a deviation.
    /// </param>
    /// <param name="path">The file, for <c>./build.sh trace</c>.</param>
    /// <param name="title">A line for people.</param>
    /// <param name="about">What the recording shows, in some sentences.</param>
    /// <returns>How the schedule went.</returns>
    /// <exception cref="System.IO.IOException">The file cannot be written.</exception>
    public ExplorationResult Record(
        Func<WeakMemory, Scenario> create, string choices, string path, string title, string about = "")
    {
        ArgumentNullException.ThrowIfNull(create);
        using ScheduleRecorder recorder = new ScheduleRecorder(_memory, _ordering, path, title, about);
        _interleaving.Recorder = recorder;
        try
        {
            return Replay(create, choices);
        }
        finally
        {
            _interleaving.Recorder = null;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _interleaving.Dispose();
        _memory.Dispose();
    }

    private string? Run(Func<WeakMemory, Scenario> create)
    {
        _memory.Reset();
        Scenario scenario = create(_memory);
        if (scenario.Processors.Count == 0)
        {
            throw new ArgumentException("The scenario has no processor.", nameof(create));
        }

        _ordering.Reset(_memory.Used);
        _interleaving.Recorder?.Start(scenario);
        return _interleaving.Run(scenario);
    }

    private ExplorationResult Failed(
        Func<WeakMemory, Scenario> create, string failure, long schedules, Stopwatch clock, bool isExhaustive)
    {
        ExplorationResult again = Replay(create, _choices.ToString());
        string lasting = again.Failure == failure ? failure : $"{failure} (and run again: {again.Failure ?? "not"})";
        return new ExplorationResult(schedules, clock.Elapsed, isExhaustive, _bounds.Seed)
        {
            Failure = lasting,
            Choices = again.Choices,
            Trace = again.Trace,
        };
    }
}

/// <summary>How far a <see cref="ScheduleExplorer"/> goes.</summary>
public sealed class ExplorationBounds
{
    /// <summary>Which order the memory keeps.</summary>
    public MemoryOrdering Ordering { get; init; }

    /// <summary>
    /// How often a schedule of the exhaustive part may deviate: leave a processor that could go on, give a load an old
    /// value, or keep a store back. 0 runs without any of it.
    /// </summary>
    public int Deviations { get; init; } = 3;

    /// <summary>How many schedules the exhaustive part may run before it is broken off.</summary>
    public int MaximumSchedules { get; init; } = 100_000;

    /// <summary>How many random schedules follow, whose deviations are not limited.</summary>
    public int RandomSchedules { get; init; } = 2_000;

    /// <summary>What the random schedules draw from.</summary>
    public int Seed { get; init; } = 1;

    /// <summary>After how many accesses a schedule counts as endless, 1 to 60000.</summary>
    public int MaximumSteps { get; init; } = 5_000;

    /// <summary>The size of the memory in bytes, a multiple of 4096.</summary>
    public int MemoryLength { get; init; } = 16_384;

    /// <summary>
    /// The place where an acquire is a plain load, a release a plain store and a full barrier nothing;
    /// <see cref="AccessSite.Unnamed"/> for none.
    /// </summary>
    public AccessSite WeakenedSite { get; init; }

    /// <summary>
    /// The processor, in the order in which the scenario adds them, whose full barriers order nothing for the others,
    /// because these are devices of a bus: only <see cref="Barriers.ForDevice"/> does. Without a value there is none.
    /// </summary>
    public int? BusProcessor { get; init; }
}

/// <summary>What a <see cref="ScheduleExplorer"/> found.</summary>
public sealed class ExplorationResult
{
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
        return Failure is null
            ? $"holds in {run}"
            : $"fails in {run}: {Failure}\nchoices: {Choices}\n{string.Join('\n', Trace)}";
    }
}
