using System;
using System.Diagnostics;
using System.Threading;

namespace VirtioGuest.Net;

/// <summary>Time as the stack sees it: it never goes back, and a thread can wait for it to pass.</summary>
public abstract class NetworkClock
{
    /// <summary>The computer's own monotonic clock.</summary>
    public static NetworkClock System { get; } = new SystemClock();

    /// <summary>The time since an arbitrary moment.</summary>
    public abstract TimeSpan Now { get; }

    /// <summary>Waits until <paramref name="signal"/> is released, and takes it, or until the time is over.</summary>
    /// <param name="signal">What the stack releases when there is something to look at.</param>
    /// <param name="timeout">At least one millisecond and at most <see cref="NetworkStack.LongestWait"/>.</param>
    public abstract void Wait(SemaphoreSlim signal, TimeSpan timeout);

    private sealed class SystemClock : NetworkClock
    {
        public override TimeSpan Now => Stopwatch.GetElapsedTime(0);

        public override void Wait(SemaphoreSlim signal, TimeSpan timeout)
        {
            // Semaphores count whole milliseconds; rounding up keeps the last one from becoming a busy loop.
            signal.Wait((int)Math.Ceiling(timeout.TotalMilliseconds));
        }
    }
}
