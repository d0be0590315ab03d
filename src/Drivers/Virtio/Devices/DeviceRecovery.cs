using System.Diagnostics.CodeAnalysis;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Devices;

/// <summary>
/// Brings a device up again that asked for a reset, broke the rules or did not answer (virtio 1.4, 2.1.2): some times,
/// and each time is told. A device that breaks again and again is given up.
/// </summary>
/// <remarks>Whoever calls it keeps all others from the device meanwhile.</remarks>
public class DeviceRecovery
{
    /// <summary>How many attempts there are in a row.</summary>
    public const int Attempts = 3;

    /// <summary>How long a device has to work for the attempts to count from 0 again, in nanoseconds.</summary>
    public const ulong AttemptsForgottenAfter = 60_000_000_000;

    private readonly VirtioDevice _device;
    private readonly DeviceLog _log;
    private readonly MonotonicClock _clock;
    private int _spent;
    private ulong _lastAttempt;

    /// <summary>Looks after a device that runs.</summary>
    public DeviceRecovery(VirtioDevice device)
    {
        _device = device;
        _log = device.Transport.Machine.Log;
        _clock = device.Transport.Machine.Clock;
    }

    /// <summary>Whether the device was given up. Who starts it all the same begins anew.</summary>
    public bool IsGivenUp { get; private set; }

    /// <summary>Makes attempts to bring the device up again, until it runs or is given up.</summary>
    /// <remarks>It was stopped, and all that it had was taken back.</remarks>
    /// <returns>
    /// Whether it runs. If not, it is given up: it did not confirm a reset, or the attempts are used up.
    /// </returns>
    public bool TryRestart()
    {
        IsGivenUp = false;
        bool isRunning = false;
        while (!isRunning && !IsGivenUp)
        {
            isRunning = TryOnce();
        }

        return isRunning;
    }

    /// <summary>Makes one attempt to bring the device up again; where there is none left, it is given up.</summary>
    /// <returns>Whether it runs.</returns>
    public bool TryOnce()
    {
        if (IsGivenUp || _clock.Nanoseconds - _lastAttempt >= AttemptsForgottenAfter)
        {
            IsGivenUp = false;
            _spent = 0;
        }

        if (_device.State == DeviceState.Abandoned)
        {
            GiveUp(new Failure("does not confirm a reset"));
            return false;
        }

        if (_spent == Attempts)
        {
            GiveUp(new Failure("was in trouble after each of " + DecimalText.Of(Attempts) + " attempts"));
            return false;
        }

        _spent++;
        string attempt = "attempt " + DecimalText.Of((ulong)_spent) + " of " + DecimalText.Of(Attempts);
        bool isRunning = TryStart(out Failure? failure);
        _lastAttempt = _clock.Nanoseconds;
        if (failure is null)
        {
            _log.Information(_device.Name + ": brought up again, " + attempt);
        }
        else if (_device.State == DeviceState.Abandoned)
        {
            GiveUp(new Failure("does not confirm a reset"));
        }
        else
        {
            _log.Warning(_device.Name + ": cannot be brought up again, " + attempt + ": " + failure.Of("it"));
        }

        return isRunning;
    }

    /// <summary>Stops the device for good.</summary>
    /// <param name="why">What is wrong with the device.</param>
    public void GiveUp(Failure why)
    {
        IsGivenUp = true;
        _device.Stop();
        _log.Warning(_device.Name + ": given up: " + why.Of("it"));
    }

    /// <summary>Starts the device, and stops it first where that is still to be done.</summary>
    /// <param name="failure">Why it does not run.</param>
    protected virtual bool TryStart([NotNullWhen(false)] out Failure? failure) => _device.TryStart(out failure);
}
