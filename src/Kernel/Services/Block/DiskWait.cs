using System;
using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.Services.Block;

/// <summary>How a thread that blocks finds out that a disk has answered.</summary>
internal enum WaitMode
{
    /// <summary>
    /// By the device's interrupt: the processor is free meanwhile. The thread takes the interrupt itself where it can
    /// be claimed, so that none other has to run first.
    /// </summary>
    Interrupt = 0,

    /// <summary>By looking all the time, with the device's interrupts off: the processor does nothing else.</summary>
    Polled = 1,

    /// <summary>By looking as long as answers have taken lately, then by interrupt.</summary>
    Hybrid = 2,
}

/// <summary>What one thread at a time waits for: the end of a request, or of the next of a batch.</summary>
internal abstract class DiskWait
{
    private readonly WakeSignal _signal = new();
    private MessageInterrupt? _claimed;
    private bool _isAwaited;

    /// <summary>Whether there is nothing to wait for.</summary>
    public abstract bool IsOver { get; }

    /// <summary>Waits until somebody else ends the wait.</summary>
    /// <param name="timeout">How long at most; some time less is possible.</param>
    public void WaitSignalled(TimeSpan timeout)
    {
        // Who ends the wait does these two the other way around, so that one of both sees what the other did. A signal
        // may be left of an earlier wait, which ended without it.
        bool isInTime = true;
        while (isInTime)
        {
            Volatile.Write(ref _isAwaited, true);
            Interlocked.MemoryBarrier();
            isInTime = !IsOver && _signal.Wait((ulong)timeout.Ticks * TimeSpan.NanosecondsPerTick);
        }

        Volatile.Write(ref _isAwaited, false);
    }

    /// <summary>Waits until a claimed interrupt comes, or somebody else ends the wait.</summary>
    /// <param name="interrupt">The calling thread has a claim on it.</param>
    /// <param name="nanoseconds">For how long at most.</param>
    public ClaimedWait WaitClaimed(MessageInterrupt interrupt, ulong nanoseconds)
    {
        Volatile.Write(ref _claimed, interrupt);
        Interlocked.MemoryBarrier();
        ClaimedWait end = IsOver ? ClaimedWait.Arrived : interrupt.WaitClaimed(nanoseconds);
        Volatile.Write(ref _claimed, null);
        return end;
    }

    /// <summary>Ends the wait, if there is one. Called by any thread, once <see cref="IsOver"/> is true.</summary>
    protected void Wake()
    {
        // Once for each wait, however many requests end meanwhile.
        if (Interlocked.Exchange(ref _claimed, null) is { } claimed)
        {
            claimed.WakeClaimant();
        }
        else if (Volatile.Read(ref _isAwaited))
        {
            Volatile.Write(ref _isAwaited, false);
            _signal.Wake();
        }
    }
}
