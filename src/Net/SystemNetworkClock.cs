using System;
using System.Diagnostics;
using System.Threading;

namespace VirtioGuest.Net;

/// <summary>The computer's own monotonic clock.</summary>
internal sealed class SystemNetworkClock : NetworkClock
{
    /// <inheritdoc/>
    public override TimeSpan Now => Stopwatch.GetElapsedTime(0);

    /// <inheritdoc/>
    public override void Wait(SemaphoreSlim signal, TimeSpan timeout)
    {
        // Semaphores count whole milliseconds; rounding up keeps the last one from becoming a busy loop.
        signal.Wait((int)Math.Ceiling(timeout.TotalMilliseconds));
    }
}
