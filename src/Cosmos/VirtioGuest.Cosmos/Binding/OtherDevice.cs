using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Binding;

/// <summary>
/// The owner of a device that is neither a disk nor a network card. It serves every other driver in the registry.
/// </summary>
/// <remarks>
/// A call polls the device until it has answered, so it needs no interrupt. Where the device breaks the rules or asks
/// for a reset, the call fails and the device is reset; the next call starts it again. There is one call at a time: a
/// call from an interrupt handler that has interrupted another call is refused.
/// </remarks>
public sealed class OtherDevice
{
    /// <summary>How long an operation may take, in nanoseconds.</summary>
    public const ulong LongestWait = 10_000_000_000;

    private readonly DeviceFunction _function;
    private readonly VirtioDevice _device;
    private bool _isBusy;
    private bool _hasChange;

    private OtherDevice(DeviceFunction function, VirtioDriver driver, VirtioTransport transport, string name)
    {
        _function = function;
        _device = driver.Create(transport, name, new Events(this));
    }

    /// <summary>The driver's side of the device.</summary>
    public VirtioDevice Device => _device;

    /// <summary>Carries out an operation and waits for its result.</summary>
    /// <param name="operation">One of its driver's <see cref="VirtioDriver.Operations"/>.</param>
    /// <param name="argument">1 to the operation's maximum.</param>
    /// <param name="result">The result as text; empty where the operation failed.</param>
    /// <returns>Null, or why the operation failed.</returns>
    public Failure? Run(DeviceOperation operation, int argument, out string result)
    {
        result = string.Empty;
        if (_isBusy)
        {
            return new Failure("is in use by what this interrupted");
        }

        _isBusy = true;
        Failure? failure = Recover() ?? _device.BeginOperation(operation, argument);
        if (failure is null)
        {
            failure = Await(out result);
        }

        _isBusy = false;
        LookAtChange();
        return failure;
    }

    internal static OtherDevice? TryCreate(
        DeviceFunction function, VirtioDriver driver, VirtioTransport transport, string name, out Failure? failure)
    {
        var owner = new OtherDevice(function, driver, transport, name);
        owner._isBusy = true;
        bool isRunning = function.TryStart(owner._device, out failure);
        owner._isBusy = false;
        owner.LookAtChange();
        return isRunning ? owner : null;
    }

    private Failure? Await(out string result)
    {
        var deadline = new Deadline(_function.Machine.Clock, LongestWait);
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
                return new Failure("misbehaved and was reset");
            }

            if (!deadline.TryWait())
            {
                return new Failure("does not answer within 10 s");
            }
        }

        return null;
    }

    private Failure? Recover()
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
            return new Failure("was cut off, because it does not confirm a reset");
        }

        return _function.TryStart(_device, out Failure? failure)
            ? null
            : new Failure("cannot be brought up again: " + failure.Of("it"));
    }

    // Lets the driver read what the device has changed. A call that is using the driver does so when it ends.
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
            // The call that waits for the answer polls for it.
        }

        public override void OnConfigurationChange()
        {
            _owner._hasChange = true;
            _owner.LookAtChange();
        }
    }
}
