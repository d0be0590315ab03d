using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Binding;

/// <summary>
/// The owner of a device that is neither a disk nor a network card: any driver of the registry is bound to it.
/// </summary>
/// <remarks>
/// A call looks at the device until it has answered, so it needs no interrupt. A device that breaks the rules or asks
/// for a reset fails the call and is reset; the next call brings it up again. One call at a time: a call from an
/// interrupt that came into another one is refused.
/// </remarks>
public sealed class OtherDevice
{
    /// <summary>How long an operation may take, in nanoseconds.</summary>
    public const ulong Deadline = 10_000_000_000;

    private readonly FunctionStart _start;
    private readonly VirtioDevice _device;
    private bool _isBusy;
    private bool _hasChange;

    private OtherDevice(FunctionStart start, VirtioDriver driver, VirtioTransport transport, string name)
    {
        _start = start;
        _device = driver.Create(transport, name, new Events(this));
    }

    /// <summary>The driver's side of the device.</summary>
    public VirtioDevice Device => _device;

    /// <summary>Asks the device for something, and waits until it has answered.</summary>
    /// <param name="operation">One of its driver's <see cref="VirtioDriver.Operations"/>.</param>
    /// <param name="argument">1 to the operation's maximum.</param>
    /// <param name="result">What there is to show.</param>
    /// <returns>Null, or why there is no answer, as the end of a sentence that starts with the device.</returns>
    public string? Run(DeviceOperation operation, int argument, out string result)
    {
        result = string.Empty;
        if (_isBusy)
        {
            return "is in use by what this interrupted";
        }

        _isBusy = true;
        string? failure = Recover() ?? _device.BeginOperation(operation, argument);
        if (failure is null)
        {
            failure = Await(out result);
        }

        _isBusy = false;
        LookAtChange();
        return failure;
    }

    internal static OtherDevice? TryCreate(
        FunctionStart start, VirtioDriver driver, VirtioTransport transport, string name, out string failure)
    {
        var owner = new OtherDevice(start, driver, transport, name);
        owner._isBusy = true;
        bool isRunning = start.TryStart(owner._device, out failure);
        owner._isBusy = false;
        owner.LookAtChange();
        return isRunning ? owner : null;
    }

    private string? Await(out string result)
    {
        MonotonicClock clock = _start.Machine.Clock;
        ulong began = clock.Nanoseconds;
        while (!_device.TryEndOperation(out result))
        {
            if (_hasChange)
            {
                _hasChange = false;
                _device.ObserveChange();
            }

            if (_device.State != DeviceState.Running)
            {
                _device.Stop();
                return "misbehaved and was reset";
            }

            if (clock.Nanoseconds - began >= Deadline)
            {
                return "does not answer within 10 s";
            }

            clock.Relax();
        }

        return null;
    }

    /// <summary>Brings the device up again, where it was reset or has to be.</summary>
    private string? Recover()
    {
        if (_device.State == DeviceState.NeedsReset)
        {
            _device.Stop();
        }

        if (_device.State == DeviceState.Running)
        {
            return null;
        }

        if (_device.State != DeviceState.Stopped)
        {
            return "was cut off, because it does not confirm a reset";
        }

        return _start.TryStart(_device, out string failure) ? null : "cannot be brought up again: it " + failure;
    }

    /// <summary>
    /// Has the driver look at what the device has changed. Whoever is in the driver meanwhile looks in our place.
    /// </summary>
    private void LookAtChange()
    {
        while (_hasChange && !_isBusy)
        {
            _isBusy = true;
            _hasChange = false;
            _device.ObserveChange();
            _isBusy = false;
        }
    }

    private sealed class Events : DeviceEventSink
    {
        private readonly OtherDevice _owner;

        internal Events(OtherDevice owner)
        {
            _owner = owner;
        }

        public override void OnUsedBuffers(ushort queueIndex)
        {
            // The call that waits for the answer finds it.
        }

        public override void OnConfigurationChange()
        {
            _owner._hasChange = true;
            _owner.LookAtChange();
        }
    }
}
