using System;
using System.Threading;

namespace VirtioGuest.Simulation;

/// <summary>
/// A thread on whose stack a simulated processor may be left in the middle of what it does. Exactly one of all hosts
/// runs at a time.
/// </summary>
internal sealed class HostThread : IDisposable
{
    private readonly Baton _baton = new();
    private readonly Action<HostThread, int>? _body;
    private Thread? _thread;
    private int _next;
    private bool _isDisposed;

    /// <summary>Describes a host.</summary>
    /// <param name="body">
    /// What it does to start a processor; null for a thread that is there already and calls what it needs by itself.
    /// </param>
    internal HostThread(Action<HostThread, int>? body)
    {
        _body = body;
    }

    /// <summary>Whether a processor has begun on it and not ended.</summary>
    internal bool IsBusy { get; set; }

    /// <summary>Goes on with what was left. The caller waits or ends next.</summary>
    internal void Resume() => _baton.Pass();

    /// <summary>Starts a processor. The caller waits or ends next.</summary>
    internal void Start(int processor)
    {
        IsBusy = true;
        _next = processor;
        if (_thread is null)
        {
            _thread = new Thread(Serve) { IsBackground = true, Name = "simulated processor" };
            _thread.Start();
        }

        _baton.Pass();
    }

    /// <summary>Waits for <see cref="Resume"/>.</summary>
    internal void Wait() => _baton.Take();

    /// <inheritdoc/>
    public void Dispose()
    {
        _isDisposed = true;
        if (_thread is not null)
        {
            _baton.Pass();
            _thread.Join();
        }
    }

    private void Serve()
    {
        while (true)
        {
            _baton.Take();
            if (_isDisposed)
            {
                return;
            }

            _body!(this, _next);
        }
    }
}

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
