using System;
using System.Runtime.CompilerServices;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <content>Who notifies whom, and when (virtio 1.4, 2.7.7 and 2.8.10).</content>
public abstract partial class Virtqueue
{
    /// <summary>
    /// Whether the device is to be notified of what was added since the last call. If so, the caller notifies.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public bool NeedsNotification()
    {
        ulong added = Added - _announced;
        if (added == 0 || !_isUsable)
        {
            return false;
        }

        _owner.Enter();
        _announced = Added;
        bool isWanted = IsNotificationWanted(added);
        _owner.Leave();
        if (!isWanted)
        {
            return false;
        }

        Notifications++;
        return true;
    }

    /// <summary>Asks for used buffer notifications, and looks once more for used buffers afterwards.</summary>
    /// <returns>
    /// Whether a used buffer is waiting already; no notification may come for it, so the caller goes on taking buffers.
    /// </returns>
    public bool EnableInterrupts() => Enable(0);

    /// <summary>
    /// Asks for a used buffer notification once a part of the buffers that are in flight has been used, and looks once
    /// more for used buffers afterwards. Without EVENT_IDX the next used buffer brings one.
    /// </summary>
    /// <param name="percent">How large the part is, 0 to 100.</param>
    /// <returns>
    /// Whether a used buffer is waiting already; no notification may come for it, so the caller goes on taking buffers.
    /// </returns>
    /// <exception cref="ArgumentOutOfRangeException">There is no such part.</exception>
    public bool EnableInterruptsDelayed(int percent)
    {
        if (percent < 0 || percent > Whole)
        {
            throw new ArgumentOutOfRangeException(nameof(percent));
        }

        return Enable(percent);
    }

    /// <summary>
    /// Asks for no used buffer notifications. It is a hint: the device may send one all the same.
    /// </summary>
    public void DisableInterrupts()
    {
        if (_isUsable)
        {
            _owner.Enter();
            AskForNoInterrupt();
            _owner.Leave();
        }
    }

    /// <summary>
    /// Asks for no further used buffer notification while used buffers are taken after one came. With EVENT_IDX there
    /// is nothing to do: what was asked for has come, and it was asked for once (virtio 1.4, 2.7.10 and 2.8.10).
    /// </summary>
    public void HoldInterrupts()
    {
        if (!HasEventIndex)
        {
            DisableInterrupts();
        }
    }

    /// <summary>
    /// Says which interrupts are wanted, 0 to begin with. The device reads that line all the time, so it is written
    /// only when it changes.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected void Ask(uint wish)
    {
        if (wish != _wish)
        {
            _wish = wish;
            StoreWish(wish);
        }
    }

    /// <summary>How far ahead an interrupt is due: so many of the things in flight are passed before it.</summary>
    private protected static int DelayOf(int inFlight, int percent)
    {
        int delay = (int)((uint)inFlight * (uint)percent / Whole);
        return delay < inFlight ? delay : Math.Max(inFlight - 1, 0);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool Enable(int percent)
    {
        if (!_isUsable)
        {
            return false;
        }

        _owner.Enter();
        AskForInterrupt(percent);
        bool isWaiting = FreeDescriptors != Size && (_batch.Remaining != 0 || LookForUsed());
        _owner.Leave();
        return isWaiting;
    }
}
