using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Net;

/// <summary>
/// Restarts a card that asked for a reset or broke the rules (virtio 1.4, 2.1.2). Each attempt is logged. A card that
/// fails again and again is given up.
/// </summary>
internal sealed class CardRecovery
{
    /// <summary>The largest number of attempts in a row.</summary>
    internal const int Attempts = 3;

    /// <summary>After that long without trouble, in nanoseconds, the attempts count from 0 again.</summary>
    private const ulong TroubleFreeTime = 60_000_000_000;

    private readonly CardAccess _card;
    private readonly MonotonicClock _clock;
    private readonly DeviceLog _log;
    private int _spent;
    private ulong _lastAttempt;
    private bool _isGivenUp;
    private bool _isTrying;

    internal CardRecovery(CardAccess card, CosmosMachine machine)
    {
        _card = card;
        _clock = machine.Clock;
        _log = machine.Log;
    }

    /// <summary>Makes one attempt, unless the card was given up. Nothing else may be using the card.</summary>
    internal void Attempt()
    {
        // Printing takes a while, and the timer may interrupt it.
        if (!_isTrying)
        {
            _isTrying = true;
            TryOnce();
            _isTrying = false;
        }
    }

    private void TryOnce()
    {
        // A card that was given up and then enabled may need a reset again: that counts from 0.
        VirtioNet device = _card.Device;
        if (_isGivenUp && device.State != DeviceState.NeedsReset)
        {
            return;
        }

        if (_isGivenUp || _clock.Nanoseconds - _lastAttempt >= TroubleFreeTime)
        {
            _isGivenUp = false;
            _spent = 0;
        }

        if (_spent == Attempts)
        {
            GiveUp("it was in trouble after each of " + DecimalText.Of(Attempts) + " attempts");
            return;
        }

        _spent++;
        string attempt = "attempt " + DecimalText.Of((ulong)_spent) + " of " + DecimalText.Of(Attempts);
        bool isRunning = _card.TryRestart(out string failure);
        _lastAttempt = _clock.Nanoseconds;
        if (isRunning)
        {
            _log.Information(device.Name + ": brought up again, " + attempt);
        }
        else if (device.State == DeviceState.Abandoned)
        {
            GiveUp("it does not confirm a reset");
        }
        else
        {
            _log.Warning(device.Name + ": cannot be brought up again, " + attempt + ": " + failure);
        }
    }

    private void GiveUp(string why)
    {
        _isGivenUp = true;
        _card.Device.Stop();
        _log.Warning(_card.Device.Name + ": given up: " + why);
    }
}
