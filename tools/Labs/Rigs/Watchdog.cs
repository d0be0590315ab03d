using System;

namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>Lets the device act while the driver waits, and ends a wait that nothing can end.</summary>
/// <param name="act">Has the device do what it has to do.</param>
/// <param name="progress">A number that changes whenever anything comes of the driver's steps.</param>
/// <param name="explain">Says why nothing comes of them.</param>
internal sealed class Watchdog(Action act, Func<long> progress, Func<string> explain) : LabWatch
{
    private const int StepsBetweenActs = 64;
    private const int MostSteps = 100_000;
    private const int MostPauses = 400;
    private const int MostWaits = 5;

    private long _progress;
    private int _steps;
    private int _pauses;
    private int _waits;
    private bool _isActing;

    /// <summary>How many pauses pass before the device acts: a slow one takes more.</summary>
    public int Delay { get; set; }

    /// <summary>How often the driver has paused.</summary>
    public int Pauses { get; private set; }

    /// <inheritdoc/>
    public override void OnStep()
    {
        if (_isActing)
        {
            return;
        }

        if (++_steps % StepsBetweenActs == 0)
        {
            Act();
        }

        if (_steps > MostSteps)
        {
            Hang($"It has looked {MostSteps} times and nothing has changed");
        }
    }

    /// <inheritdoc/>
    public override void OnPause()
    {
        Pauses++;
        if (++_pauses > Delay)
        {
            Act();
        }

        if (_pauses > MostPauses + Delay)
        {
            Hang($"It has waited {MostPauses} times and nothing has changed");
        }
    }

    /// <inheritdoc/>
    public override void OnWait(LabInterrupt interrupt)
    {
        Act();
        if (!interrupt.HasArrived && ++_waits > MostWaits)
        {
            Hang("It waits for an interrupt");
        }
    }

    /// <summary>Lets the device act, as it does at times of its own.</summary>
    public void Act()
    {
        _isActing = true;
        try
        {
            act();
        }
        finally
        {
            _isActing = false;
        }

        if (progress() is var now && now != _progress)
        {
            _progress = now;
            _steps = 0;
            _pauses = 0;
            _waits = 0;
        }
    }

    private void Hang(string how) => throw new DriverHangsException($"{how}: {explain()}");
}
