using System.Threading;

namespace VirtioGuest.Simulation;

/// <summary>What one thread waits for and another passes on, so that exactly one of them runs.</summary>
/// <remarks>
/// Nobody looks before it sleeps: where the processors are busy with other tests, that costs more than waking up.
/// </remarks>
internal sealed class Baton
{
    private readonly object _lock = new();
    private bool _isPassed;

    /// <summary>Passes it on.</summary>
    internal void Pass()
    {
        lock (_lock)
        {
            _isPassed = true;
            Monitor.Pulse(_lock);
        }
    }

    /// <summary>Waits until it is passed on, and takes it.</summary>
    internal void Take()
    {
        lock (_lock)
        {
            while (!_isPassed)
            {
                Monitor.Wait(_lock);
            }

            _isPassed = false;
        }
    }
}
