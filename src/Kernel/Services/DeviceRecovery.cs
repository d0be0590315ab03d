using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services;

/// <summary>
/// Brings a device up again that asked for a reset, broke the rules or did not answer (virtio 1.4, 2.1.2): some times,
/// and each time is told. A device that breaks again and again is given up.
/// </summary>
/// <remarks>Whoever calls it keeps all others from the device meanwhile.</remarks>
internal sealed class DeviceRecovery
{
    /// <summary>How many attempts there are.</summary>
    public const int Attempts = 3;

    /// <summary>How long a device has to work for the attempts to count from 0 again, in nanoseconds.</summary>
    public const ulong AttemptsForgottenAfter = 60_000_000_000;

    private readonly VirtioDevice _device;
    private readonly DeviceLog _log;
    private readonly MonotonicClock _clock;
    private int _spent;
    private ulong _lastAttempt;

    /// <summary>Covers a device that runs.</summary>
    public DeviceRecovery(VirtioDevice device)
    {
        _device = device;
        _log = device.Transport.Machine.Log;
        _clock = device.Transport.Machine.Clock;
    }

    /// <summary>Brings the device up again.</summary>
    /// <remarks>It was stopped, and all that it had was taken back.</remarks>
    /// <returns>
    /// Whether it runs. If not, it is given up: it did not confirm a reset, or the attempts are used up.
    /// </returns>
    public bool TryRestart()
    {
        if (_clock.Nanoseconds - _lastAttempt >= AttemptsForgottenAfter)
        {
            _spent = 0;
        }

        while (_device.State == DeviceState.Stopped && _spent < Attempts)
        {
            _spent++;
            bool isRunning = _device.TryStart(out string failure);
            _lastAttempt = _clock.Nanoseconds;
            string attempt = $"attempt {_spent} of {Attempts}";
            if (isRunning)
            {
                _log.Information($"{_device.Name}: brought up again, {attempt}");
                return true;
            }

            _log.Warning($"{_device.Name}: cannot be brought up again, {attempt}: {failure}");
        }

        GiveUp(_device.State == DeviceState.Stopped
            ? $"it was in trouble after each of {Attempts} attempts"
            : "it does not confirm a reset");
        return false;
    }

    /// <summary>Stops the device for good.</summary>
    /// <param name="why">The reason, a sentence about the device.</param>
    public void GiveUp(string why)
    {
        _device.Stop();
        _log.Warning($"{_device.Name}: given up: {why}");
    }
}
