using System;
using System.Threading;

namespace VirtioGuest.Kernel.SelfTest;

/// <summary>
/// A thread that does one thing again and again until it is stopped, and notes the first register that was lost.
/// </summary>
internal sealed class RegisterWorker
{
    private const int StackSize = 256 * 1024;

    private readonly Func<ulong, string?> _round;
    private readonly Thread _thread;
    private volatile bool _stop;
    private long _rounds;

    /// <summary>Starts it.</summary>
    /// <param name="name">What it does, for people.</param>
    /// <param name="seed">The seed of its first round; the next ones follow.</param>
    /// <param name="round">One round with a seed: null, or what was lost.</param>
    public RegisterWorker(string name, ulong seed, Func<ulong, string?> round)
    {
        Name = name;
        _round = round;
        _thread = new Thread(() => Work(seed), StackSize) { IsBackground = true };
        _thread.Start();
    }

    /// <summary>What it does, for people.</summary>
    public string Name { get; }

    /// <summary>How many rounds have ended.</summary>
    public ulong Rounds => (ulong)Volatile.Read(ref _rounds);

    /// <summary>What was lost, in words; null while all is well.</summary>
    public string? Failure { get; private set; }

    /// <summary>Asks it to end after its round.</summary>
    public void Stop() => _stop = true;

    /// <summary>Waits for its end.</summary>
    /// <returns>False where it has not come in time.</returns>
    public bool Join(TimeSpan patience) => _thread.Join(patience);

    private void Work(ulong seed)
    {
        while (!_stop)
        {
            string? lost = _round(seed++);
            if (lost is not null)
            {
                Failure = Name + ": " + lost + " changed";
                return;
            }

            Volatile.Write(ref _rounds, _rounds + 1);
        }
    }
}
