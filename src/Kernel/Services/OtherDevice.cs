using System;
using System.Diagnostics.CodeAnalysis;
using System.Threading;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Operations;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Services;

/// <summary>
/// The owner of a device that is neither a disk nor a network card: any driver of the registry is bound to it. It keeps
/// all calls to the device apart, waits for its answers, and brings it up again when it is in trouble.
/// </summary>
internal sealed class OtherDevice : OperableDevice, ILendableDevice
{
    private readonly object _gate = new();
    private readonly Lock _operation = new();
    private readonly Requests _requests;
    private bool _isLent;
    private bool _isRemoved;

    private OtherDevice(VirtioDevice device)
        : base(device.Driver.Prefix, device.Name)
    {
        Device = device;
        _requests = new Requests(this);
    }

    /// <summary>The device.</summary>
    public VirtioDevice Device { get; }

    /// <summary>Whether it was taken out of the machine.</summary>
    public bool IsRemoved => Volatile.Read(ref _isRemoved);

    /// <summary>Brings a device up.</summary>
    /// <param name="driver">Its driver.</param>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="failure">Why it cannot be.</param>
    public static OtherDevice? TryCreate(
        VirtioDriver driver, VirtioTransport transport, string name, out Failure? failure)
    {
        var events = new OwnerEvents();
        VirtioDevice device = driver.Create(transport, name, events);
        if (!device.TryStart(out failure))
        {
            return null;
        }

        var owner = new OtherDevice(device);
        events.Attach(owner.OnUsedBuffers, owner.OnConfigurationChange);

        // What changed before the owner was there to be told.
        owner.OnConfigurationChange();
        return owner;
    }

    /// <inheritdoc/>
    public override Failure? Run(string operation, int argument, ShellContext? shell, out string result)
    {
        result = "";
        DeviceOperation? asked = Array.Find(Device.Driver.Operations, each => each.Name == operation);
        if (asked is null)
        {
            return new Failure("has no such operation");
        }

        var request = new ShellRequest(asked, argument, shell);
        Failure? failure = Run(request);
        result = request.Result;
        return failure;
    }

    /// <summary>Asks the device for something, and waits until it has answered.</summary>
    /// <returns>Null, or why there is no answer.</returns>
    public Failure? Run(DeviceRequest request)
    {
        lock (_operation)
        {
            lock (_gate)
            {
                return _requests.Run(request);
            }
        }
    }

    /// <summary>Ends its life because the device is about to be taken out, or has been.</summary>
    public void Remove()
    {
        lock (_gate)
        {
            Volatile.Write(ref _isRemoved, true);
            Device.Stop();
            Monitor.PulseAll(_gate);
        }
    }

    /// <inheritdoc/>
    public bool TrySuspend([NotNullWhen(false)] out Failure? failure)
    {
        lock (_operation)
        {
            lock (_gate)
            {
                failure = new Failure(_isRemoved ? "was removed" : "does not finish its reset");
                _isLent = !_isRemoved && Device.Stop();
                return _isLent;
            }
        }
    }

    /// <inheritdoc/>
    public bool TryResume([NotNullWhen(false)] out Failure? failure)
    {
        lock (_gate)
        {
            _isLent = false;
            failure = new Failure("was removed");
            return !_isRemoved && Device.TryStart(out failure);
        }
    }

    private void OnUsedBuffers(ushort queueIndex)
    {
        lock (_gate)
        {
            Monitor.PulseAll(_gate);
        }
    }

    private void OnConfigurationChange()
    {
        lock (_gate)
        {
            Device.ObserveChange();
            _requests.RecoverIfBroken();
        }
    }

    /// <summary>Waits with the gate open, so that interrupts get through.</summary>
    private sealed class Requests(OtherDevice owner)
        : DeviceRequests(owner.Device, new DeviceRecovery(owner.Device))
    {
        // An interrupt that never comes costs time and not the answer.
        private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(100);

        /// <inheritdoc/>
        protected override Failure? WhyUnusable =>
            owner.IsRemoved ? new Failure("was removed")
            : owner._isLent ? new Failure("is lent to somebody else")
            : base.WhyUnusable;

        /// <inheritdoc/>
        protected override void Wait() => Monitor.Wait(owner._gate, s_pollInterval);
    }

    /// <summary>An operation that Ctrl+C ends.</summary>
    private sealed class ShellRequest(DeviceOperation operation, int argument, ShellContext? shell)
        : OperationRequest(operation, argument)
    {
        /// <inheritdoc/>
        public override bool IsInterrupted => shell is { IsInterrupted: true };
    }
}
