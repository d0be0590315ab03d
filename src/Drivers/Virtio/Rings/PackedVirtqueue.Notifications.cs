using System.Runtime.CompilerServices;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <content>Who notifies whom, and when (virtio 1.4, 2.8.10).</content>
public sealed partial class PackedVirtqueue
{
    /// <inheritdoc/>
    private protected override bool IsNotificationWanted(ulong added)
    {
        // The published flags must be visible before the look: else the device could find the ring empty, enable
        // notifications and sleep, while the driver still sees them disabled (virtio 1.4, 2.8.21.2).
        FullBarrier(PackedSites.NotificationBarrier);
        return _ring.IsCoherent ? IsWanted(_events.LoadCoherentDeviceArea()) : TakeWishesOver();
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void AskForInterrupt(int percent)
    {
        uint wish = EventSuppression.Enable;
        if (HasEventIndex)
        {
            RingPosition position = _used;
            if (percent != 0)
            {
                position.Advance((uint)DelayOf(Size - FreeDescriptors, percent), Size);
            }

            wish = EventSuppression.Descriptor | position.Word;
        }

        Ask(wish);

        // The other half of the same race: a buffer used before the device saw the wish brings no interrupt, so it has
        // to show in the look behind this (virtio 1.4, 2.8.22).
        FullBarrier(PackedSites.InterruptBarrier);
    }

    /// <inheritdoc/>
    private protected override void AskForNoInterrupt() => Ask(EventSuppression.Disable);

    /// <inheritdoc/>
    private protected override void StoreWish(uint wish) => _events.StoreDriverArea(wish);

    /// <summary>Whether the device's wishes ask to be notified of what was added since the last time.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsWanted(uint wishes)
    {
        uint announced = _announced;
        ulong descriptors = _unannounced;
        _announced = EventSuppression.Descriptor | _available.Word;
        _unannounced = 0;

        // Most often the device has taken all that it was told of, and waits for the next.
        return wishes == announced || IsWanted(wishes, descriptors);
    }

    /// <summary>Whether the device's wishes ask to be notified of the newest descriptors.</summary>
    /// <remarks>
    /// Every value but one asks for it, the reserved one included: a notification too many is harmless, a missing one
    /// is a hang.
    /// </remarks>
    private bool IsWanted(uint wishes, ulong descriptors)
    {
        uint flags = wishes & EventSuppression.FlagsMask;
        return flags == EventSuppression.Descriptor && HasEventIndex
            ? EventIndex.Packed(
                (ushort)wishes, (ushort)_available.Slot, _available.WrapCounter, Size, descriptors)
            : flags != EventSuppression.Disable;
    }

    // What is not needed on coherent memory stays out of line, so that nothing but a branch is in the way there.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TakeWishesOver() => IsWanted(_events.LoadDeviceArea());
}
