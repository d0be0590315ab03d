using System;
using System.Collections.Generic;

namespace VirtioGuest.Simulation;

/// <summary>Which processors of a scenario could make the next access, and whose turn it is.</summary>
internal sealed class ProcessorTurns
{
    /// <summary>
    /// How often everybody may be found waiting for somebody else before it counts as for ever: with nothing stored and
    /// no old value read in between.
    /// </summary>
    private const int IdleLimit = 3;

    private readonly ChoiceSequence _choices;
    private readonly OrderingModel _ordering;
    private readonly ProcessorState[] _states = new ProcessorState[Interleaving.MaximumProcessors];
    private readonly Signal?[] _awaited = new Signal?[Interleaving.MaximumProcessors];
    private List<ScenarioProcessor> _processors = [];
    private int _idleRounds;
    private int _deviations;

    internal ProcessorTurns(OrderingModel ordering, ChoiceSequence choices)
    {
        _ordering = ordering;
        _choices = choices;
    }

    /// <summary>The processor that acts.</summary>
    internal int Current { get; set; }

    /// <summary>How many processors there are.</summary>
    internal int Count => _processors.Count;

    /// <summary>Whether the schedule is over because nobody who has to end has not.</summary>
    internal bool IsForegroundEnded
    {
        get
        {
            for (int i = 0; i < Count; i++)
            {
                if (!_processors[i].IsBackground && _states[i] != ProcessorState.Ended)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>Starts a schedule: everybody can go on.</summary>
    internal void Reset(List<ScenarioProcessor> processors)
    {
        _processors = processors;
        _idleRounds = 0;
        _deviations = 0;
        Array.Clear(_states);
        Array.Clear(_awaited);
    }

    /// <summary>Whether a processor has ended.</summary>
    internal bool HasEnded(int processor) => _states[processor] == ProcessorState.Ended;

    /// <summary>What the current processor is about to do.</summary>
    internal void Become(ProcessorState state, Signal? awaited = null)
    {
        _states[Current] = state;
        _awaited[Current] = awaited;
    }

    /// <summary>How many processors but the current one could act now.</summary>
    internal int CountOthers()
    {
        int others = 0;
        for (int i = 0; i < Count; i++)
        {
            others += i != Current && CanRun(i) ? 1 : 0;
        }

        return others;
    }

    /// <summary>The n-th of them, from 1 on.</summary>
    internal int Other(int n)
    {
        for (int i = 0; i < Count; i++)
        {
            if (i != Current && CanRun(i) && --n == 0)
            {
                return i;
            }
        }

        throw new ArgumentOutOfRangeException(nameof(n));
    }

    /// <summary>Something became visible to the others: who paused has a reason to look again.</summary>
    internal void NoteProgress()
    {
        _idleRounds = 0;
        WakePaused();
    }

    /// <summary>Chooses who goes on where the current processor does not.</summary>
    /// <returns>False where nobody can go on, now or ever.</returns>
    internal bool TryChoose(out int next)
    {
        if (TryChooseReady(out next))
        {
            return true;
        }

        // Nobody acts: so time passes, and whoever looks now and then looks again.
        if (_choices.Deviations != _deviations || _ordering.Settle())
        {
            _deviations = _choices.Deviations;
            _idleRounds = 0;
        }

        if (++_idleRounds > IdleLimit)
        {
            return false;
        }

        WakePaused();
        return TryChooseReady(out next);
    }

    /// <summary>Why nobody can go on.</summary>
    internal string Describe()
    {
        string[] texts = new string[Count];
        for (int i = 0; i < Count; i++)
        {
            texts[i] = _processors[i].Name + _states[i] switch
            {
                ProcessorState.Waiting => $" waits for signal {_awaited[i]!.Number}",
                ProcessorState.Paused => " finds nothing to do",
                _ => " has ended",
            };
        }

        return "nobody can go on: " + string.Join(", ", texts);
    }

    private bool CanRun(int processor) => _states[processor] switch
    {
        ProcessorState.Ready => true,
        ProcessorState.Waiting => _awaited[processor]!.IsSet,
        _ => false,
    };

    private void WakePaused()
    {
        for (int i = 0; i < Count; i++)
        {
            if (_states[i] == ProcessorState.Paused)
            {
                _states[i] = ProcessorState.Ready;
            }
        }
    }

    private bool TryChooseReady(out int next)
    {
        int candidates = 0;
        for (int i = 0; i < Count; i++)
        {
            candidates += CanRun(i) ? 1 : 0;
        }

        next = -1;
        if (candidates == 0)
        {
            return false;
        }

        int choice = _choices.Choose(candidates, deviates: false);
        do
        {
            next++;
            choice -= CanRun(next) ? 1 : 0;
        }
        while (choice >= 0);
        return true;
    }
}

/// <summary>What a simulated processor is about to do.</summary>
internal enum ProcessorState
{
    /// <summary>To go on.</summary>
    Ready = 0,

    /// <summary>To look again, once somebody else has done something.</summary>
    Paused = 1,

    /// <summary>To wait for a signal.</summary>
    Waiting = 2,

    /// <summary>Nothing any more.</summary>
    Ended = 3,
}
