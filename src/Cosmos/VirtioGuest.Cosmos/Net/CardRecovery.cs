using System.Diagnostics.CodeAnalysis;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Net;

/// <summary>
/// The recovery of a card: one attempt at a time, because it is made where an interrupt or a timer finds the trouble.
/// </summary>
internal sealed class CardRecovery : DeviceRecovery
{
    private readonly CardAccess _card;
    private bool _isTrying;

    internal CardRecovery(CardAccess card)
        : base(card.Device)
    {
        _card = card;
    }

    /// <summary>Makes one attempt, unless the card was given up. Nothing else may be using the card.</summary>
    internal void Attempt()
    {
        // A card that was given up and then enabled may need a reset again: that counts from 0.
        bool isDue = !IsGivenUp || _card.Device.State == DeviceState.NeedsReset;

        // Printing takes a while, and the timer may interrupt it.
        if (isDue && !_isTrying)
        {
            _isTrying = true;
            TryOnce();
            _isTrying = false;
        }
    }

    /// <inheritdoc/>
    protected override bool TryStart([NotNullWhen(false)] out Failure? failure) => _card.TryRestart(out failure);
}
