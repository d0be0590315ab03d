using System;
using System.Collections.Generic;

namespace VirtioGuest.Simulation;

/// <summary>
/// Runs the processors of a scenario one at a time, and chooses before each access who makes the next one.
/// </summary>
/// <remarks>
/// Only a processor that is left in the middle needs a thread of its own. The user's thread starts, and a processor
/// that begins when another ends does so on the same thread, so most schedules pass between threads rarely.
/// </remarks>
internal sealed class Interleaving : IDisposable
{
    /// <summary>How many processors a scenario may have.</summary>
    internal const int MaximumProcessors = 8;

    private readonly HostThread _user = new(body: null);
    private readonly HostThread[] _hosts = new HostThread[MaximumProcessors];
    private readonly HostThread?[] _hostOf = new HostThread?[MaximumProcessors];
    private readonly OrderingModel _ordering;
    private readonly ChoiceSequence _choices;
    private readonly ProcessorTurns _turns;
    private readonly Action<int> _enter;
    private readonly int _maximumSteps;
    private Scenario _scenario = new();
    private int _steps;
    private bool _isOver;
    private bool _isChosen;
    private string? _failure;

    /// <summary>Creates the machinery.</summary>
    /// <param name="ordering">What loads see.</param>
    /// <param name="choices">Who decides.</param>
    /// <param name="maximumSteps">After how many accesses a schedule counts as endless.</param>
    /// <param name="enter">Makes the calling thread that of a processor; -1 for none.</param>
    internal Interleaving(OrderingModel ordering, ChoiceSequence choices, int maximumSteps, Action<int> enter)
    {
        _ordering = ordering;
        _choices = choices;
        _turns = new ProcessorTurns(ordering, choices);
        _maximumSteps = maximumSteps;
        _enter = enter;
        for (int i = 0; i < _hosts.Length; i++)
        {
            _hosts[i] = new HostThread(Serve);
        }
    }

    /// <summary>Where accesses are told of; null to tell nothing.</summary>
    internal List<string>? Trace { get; set; }

    /// <summary>Who records the schedule; null for nobody.</summary>
    internal ScheduleRecorder? Recorder { get; set; }

    /// <summary>Whether a schedule is being run.</summary>
    internal bool IsRunning { get; private set; }

    /// <summary>Runs a schedule. The choices are started.</summary>
    /// <returns>Null, or how it failed.</returns>
    internal string? Run(Scenario scenario)
    {
        _scenario = scenario;
        _turns.Reset(scenario.Processors);
        _steps = 0;
        _isOver = false;
        _isChosen = true;
        _failure = null;
        Array.Clear(_hostOf);
        IsRunning = true;
        if (!RunBodies(_user, _choices.Choose(_turns.Count, deviates: false)))
        {
            _user.Wait();
        }

        Recorder?.Fail(_turns.Current, _failure);
        AbandonTheRest();
        _enter(-1);
        IsRunning = false;
        if (_failure is null)
        {
            _ordering.Finish();
            Recorder?.Compare();
            _failure = Check(scenario);
            Recorder?.Fail(_turns.Current, _failure);
        }

        return _failure;
    }

    /// <summary>An access is about to be made: somebody else may come first.</summary>
    internal void Step()
    {
        CountStep();
        bool isChosen = _isChosen && _ordering.Buffering == 0;
        _isChosen = false;
        if (isChosen)
        {
            // It has only just been chosen to make the next access.
            return;
        }

        int others = _turns.CountOthers();
        int choice = _choices.Choose(1 + others + _ordering.Buffering, deviates: true);
        if (choice > others)
        {
            _ordering.Drain(choice - others - 1);
            Recorder?.Compare();
            NoteProgress();
        }
        else if (choice != 0)
        {
            _isChosen = true;
            SwitchTo(_turns.Other(choice));
            _isChosen = false;
        }
    }

    /// <summary>Something became visible to the others: who paused has a reason to look again.</summary>
    internal void NoteProgress() => _turns.NoteProgress();

    /// <summary>Gives the others a turn.</summary>
    internal void Pause()
    {
        CountStep();
        GiveWay(ProcessorState.Paused, null);
    }

    /// <summary>Sends a signal.</summary>
    internal void Send(Signal signal)
    {
        Step();
        Trace?.Add($"{NameOf(_turns.Current)}: sends signal {signal.Number}");
        _ordering.Send(_turns.Current, signal.Number);
        Recorder?.Send(_turns.Current, signal.Number);
        signal.IsSet = true;
        NoteProgress();
    }

    /// <summary>Waits for a signal.</summary>
    internal void WaitFor(Signal signal)
    {
        Step();
        while (!signal.IsSet)
        {
            GiveWay(ProcessorState.Waiting, signal);
        }

        Trace?.Add($"{NameOf(_turns.Current)}: takes signal {signal.Number}");
        signal.IsSet = false;
        _ordering.Receive(_turns.Current, signal.Number);
        Recorder?.Receive(_turns.Current, signal.Number);
    }

    /// <summary>What traces call a processor.</summary>
    internal string NameOf(int processor) => _scenario.Processors[processor].Name;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (HostThread host in _hosts)
        {
            host.Dispose();
        }
    }

    private static string? Check(Scenario scenario)
    {
        try
        {
            scenario.Check?.Invoke();
            return null;
        }
        catch (Exception e)
        {
            return Describe("at the end", e);
        }
    }

    private static string Describe(string who, Exception e) =>
        e is SimulationFailedException ? $"{who}: {e.Message}" : $"{who}: {e.GetType().Name}: {e.Message}";

    private void Serve(HostThread host, int processor)
    {
        if (RunBodies(host, processor))
        {
            _user.Resume();
        }
    }

    /// <summary>Runs a processor, then whichever begins next, until one is to go on that another host has.</summary>
    /// <returns>Whether the schedule is over.</returns>
    private bool RunBodies(HostThread host, int processor)
    {
        host.IsBusy = true;
        while (true)
        {
            _hostOf[processor] = host;
            _turns.Current = processor;
            _enter(processor);
            RunBody(processor);
            if (_isOver || _turns.IsForegroundEnded)
            {
                break;
            }

            if (!_turns.TryChoose(out processor))
            {
                _failure ??= _turns.Describe();
                break;
            }

            _isChosen = true;
            if (_hostOf[processor] is HostThread other)
            {
                _turns.Current = processor;
                host.IsBusy = false;
                other.Resume();
                return false;
            }
        }

        _isOver = true;
        host.IsBusy = false;
        return true;
    }

    private void RunBody(int processor)
    {
        try
        {
            _scenario.Processors[processor].Body();
        }
        catch (ScheduleAbandonedException)
        {
        }
        catch (Exception e)
        {
            _failure ??= Describe(NameOf(processor), e);
            _isOver = true;
        }

        _turns.Current = processor;
        _turns.Become(ProcessorState.Ended);
    }

    /// <summary>Takes every processor that was left in the middle out of what it was doing.</summary>
    private void AbandonTheRest()
    {
        for (int i = 0; i < _turns.Count; i++)
        {
            if (_hostOf[i] is HostThread host && !_turns.HasEnded(i))
            {
                host.Resume();
                _user.Wait();
            }
        }
    }

    private void CountStep()
    {
        if (_isOver)
        {
            throw ScheduleAbandonedException.Instance;
        }

        if (++_steps > _maximumSteps)
        {
            Abandon($"the schedule does not end within {_maximumSteps} steps");
        }
    }

    private void Abandon(string failure)
    {
        _failure ??= failure;
        _isOver = true;
        throw ScheduleAbandonedException.Instance;
    }

    private void GiveWay(ProcessorState state, Signal? awaited)
    {
        int self = _turns.Current;
        _turns.Become(state, awaited);
        if (!_turns.TryChoose(out int next))
        {
            Abandon(_turns.Describe());
        }

        _isChosen = true;
        if (next != self)
        {
            SwitchTo(next);
        }

        _turns.Become(ProcessorState.Ready);
    }

    private void SwitchTo(int processor)
    {
        int self = _turns.Current;
        _turns.Current = processor;
        if (_hostOf[processor] is HostThread other)
        {
            other.Resume();
        }
        else
        {
            Array.Find(_hosts, host => !host.IsBusy)!.Start(processor);
        }

        _hostOf[self]!.Wait();
        if (_isOver)
        {
            throw ScheduleAbandonedException.Instance;
        }
    }
}

/// <summary>Takes a processor out of whatever it is in, because its schedule is over.</summary>
internal sealed class ScheduleAbandonedException : Exception
{
    /// <summary>The one instance: it carries nothing.</summary>
    internal static readonly ScheduleAbandonedException Instance = new();
}
