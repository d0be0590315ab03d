using System.Diagnostics.CodeAnalysis;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Binding;

/// <summary>
/// The owner of a device that is neither a disk nor a network card. It serves every other driver in the registry.
/// </summary>
/// <remarks>
/// A call polls the device until it has answered, so it needs no interrupt. Where the device breaks the rules or asks
/// for a reset, the call fails and the device is brought up again. There is one call at a time: a call from an
/// interrupt handler that has interrupted another call is refused.
/// </remarks>
public sealed class OtherDevice
{
    private readonly DeviceFunction _function;
    private readonly VirtioDevice _device;
    private readonly Requests _requests;
    private bool _isBusy;
    private bool _hasChange;

    private OtherDevice(DeviceFunction function, VirtioDriver driver, VirtioTransport transport, string name)
    {
        _function = function;
        _device = driver.Create(transport, name, new Events(this));
        _requests = new Requests(this);
    }

    /// <summary>The driver's side of the device.</summary>
    public VirtioDevice Device => _device;

    /// <summary>Carries out an operation and waits for its result.</summary>
    /// <param name="operation">One of its driver's <see cref="VirtioDriver.Operations"/>.</param>
    /// <param name="argument">1 to the operation's maximum; 0 where it takes no argument.</param>
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
        var request = new OperationRequest(operation, argument);
        Failure? failure = _requests.Run(request);
        result = request.Result;
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

    /// <summary>Polls the device.</summary>
    private sealed class Requests : DeviceRequests
    {
        private readonly OtherDevice _owner;

        internal Requests(OtherDevice owner)
            : base(owner._device, new Recovery(owner))
        {
            _owner = owner;
        }

        protected override void Wait()
        {
            if (_owner._hasChange)
            {
                _owner._hasChange = false;
                _owner._device.ObserveChange();
            }

            _owner._function.Machine.Clock.Relax();
        }
    }

    private sealed class Recovery : DeviceRecovery
    {
        private readonly OtherDevice _owner;

        internal Recovery(OtherDevice owner)
            : base(owner._device)
        {
            _owner = owner;
        }

        protected override bool TryStart([NotNullWhen(false)] out Failure? failure) =>
            _owner._function.TryStart(_owner._device, out failure);
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
