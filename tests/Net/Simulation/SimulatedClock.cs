using System;
using System.Collections.Generic;
using System.Threading;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>Time that passes only while someone waits, from one scheduled event to the next.</summary>
internal sealed class SimulatedClock : NetworkClock
{
    private readonly PriorityQueue<Action, (TimeSpan Time, int Order)> _events = new();
    private TimeSpan _now = TimeSpan.FromSeconds(100);
    private int _order;

    public override TimeSpan Now => _now;

    public void Schedule(TimeSpan delay, Action action) => _events.Enqueue(action, (_now + delay, _order++));

    /// <summary>Lets time pass without anyone waiting.</summary>
    public void Advance(TimeSpan time) => PassUntil(_now + time, () => false);

    public override void Wait(SemaphoreSlim signal, TimeSpan timeout)
    {
        if (timeout < TimeSpan.FromMilliseconds(1) || timeout > NetworkStack.LongestWait)
        {
            throw new InvalidOperationException($"A wait of {timeout} breaks the clock's contract.");
        }

        PassUntil(_now + timeout, () => signal.Wait(0));
    }

    private void PassUntil(TimeSpan end, Func<bool> isEnough)
    {
        while (!isEnough())
        {
            if (!_events.TryPeek(out _, out (TimeSpan Time, int Order) next) || next.Time > end)
            {
                _now = end;
                return;
            }

            _now = next.Time;
            _events.Dequeue()();
        }
    }
}
