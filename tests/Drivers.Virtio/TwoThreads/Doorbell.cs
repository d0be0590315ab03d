using System;
using System.Threading;

namespace VirtioGuest.Drivers.Virtio.Tests.TwoThreads;

/// <summary>
/// A signal between two threads that blocks the one that waits: a kick or an interrupt. Rings before a wait are one.
/// </summary>
internal sealed class Doorbell : IDisposable
{
    private readonly AutoResetEvent _event = new AutoResetEvent(false);
    private long _rings;
    private long _waits;
    private int _place;

    /// <summary>What the last one who rang said: with NOTIFICATION_DATA where the next buffer will be.</summary>
    public ushort Place => (ushort)Volatile.Read(ref _place);

    /// <summary>How often it was rung.</summary>
    public long Rings => Volatile.Read(ref _rings);

    public void Ring(ushort place = 0)
    {
        Volatile.Write(ref _place, place);
        Interlocked.Increment(ref _rings);
        _event.Set();
    }

    /// <summary>Blocks until it rings.</summary>
    /// <returns>False when it did not in time.</returns>
    public bool Wait(TimeSpan patience)
    {
        Interlocked.Increment(ref _waits);
        return _event.WaitOne(patience);
    }

    public void Dispose() => _event.Dispose();

    public override string ToString() => $"rung {Rings} times, waited for {Volatile.Read(ref _waits)} times";
}
