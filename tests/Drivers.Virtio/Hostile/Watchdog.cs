using System;
using System.Threading;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>
/// Ends the process where a case does not end, and says which: a loop that never touches a register cannot be left
/// otherwise.
/// </summary>
internal sealed class Watchdog : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly Timer _timer;
    private readonly Func<long, string> _describe;
    private long _case;
    private long _seen = -1;

    /// <summary>Watches cases.</summary>
    /// <param name="describe">How a case can be run again.</param>
    public Watchdog(Func<long, string> describe)
    {
        _describe = describe;
        _timer = new Timer(_ => Look(), null, s_patience, s_patience);
    }

    /// <summary>A case begins.</summary>
    public void Begin(long number) => Volatile.Write(ref _case, number);

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        long current = Volatile.Read(ref _case);
        if (current == _seen)
        {
            Environment.FailFast($"{_describe(current)}: this case does not end");
        }

        _seen = current;
    }
}
