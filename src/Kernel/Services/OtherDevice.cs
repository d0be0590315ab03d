using System;
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
internal sealed class OtherDevice : OperableDevice
{
    // An interrupt that never comes costs time and not the answer.
    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(100);

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(10);

    private readonly object _gate = new();
    private readonly Lock _operation = new();
    private readonly DeviceRecovery _recovery;
    private bool _isRemoved;

    private OtherDevice(VirtioDevice device)
        : base(device.Driver.Prefix, device.Name)
    {
        Device = device;
        _recovery = new DeviceRecovery(device);
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
        var events = new Events();
        VirtioDevice device = driver.Create(transport, name, events);
        if (!device.TryStart(out failure))
        {
            return null;
        }

        var owner = new OtherDevice(device);
        events.Attach(owner);

        // What changed before the owner was there to be told.
        owner.OnConfigurationChange();
        return owner;
    }

    /// <inheritdoc/>
    public override Failure? Run(string operation, int argument, ShellContext? shell, out string result)
    {
        DeviceOperation? asked = Array.Find(Device.Driver.Operations, each => each.Name == operation);
        string answer = "";
        Failure? failure = asked is null
            ? new Failure("has no such operation")
            : Request(
                device => device.BeginOperation(asked, argument),
                device => device.TryEndOperation(out answer),
                () => shell is { IsInterrupted: true });
        result = answer;
        return failure;
    }

    /// <summary>Asks the device for something, and waits until it has answered.</summary>
    /// <param name="begin">Asks; null, or why that cannot be.</param>
    /// <param name="isAnswered">Looks for the answer.</param>
    /// <param name="isInterrupted">Whether to give up waiting.</param>
    /// <returns>Null, or why there is no answer.</returns>
    public Failure? Request(
        Func<VirtioDevice, Failure?> begin, Func<VirtioDevice, bool> isAnswered, Func<bool> isInterrupted)
    {
        lock (_operation)
        {
            lock (_gate)
            {
                int lives = Device.Restarts;
                Failure? failure = WhyUnusable ?? begin(Device);
                long end = Environment.TickCount64 + (long)s_timeout.TotalMilliseconds;
                while (failure is null && !isAnswered(Device))
                {
                    RecoverIfBroken();
                    failure = WhyUnusable ?? (Device.Restarts != lives ? new Failure("misbehaved and was reset")
                        : isInterrupted() ? new Failure("interrupted", isSentence: true)
                        : Environment.TickCount64 >= end ? new Failure("does not answer within 10 s")
                        : null);
                    if (failure is null)
                    {
                        Monitor.Wait(_gate, s_pollInterval);
                    }
                }

                RecoverIfBroken();
                return failure;
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

    private Failure? WhyUnusable => IsRemoved ? new Failure("was removed")
        : Device.State is DeviceState.Running ? null
        : new Failure("misbehaved and is out of use");

    private void OnUsedBuffers()
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
            RecoverIfBroken();
        }
    }

    private void RecoverIfBroken()
    {
        while (Device.State == DeviceState.NeedsReset)
        {
            Device.Stop();
            _recovery.TryRestart();
        }
    }

    /// <summary>Leads interrupts to the owner, which is created after the device.</summary>
    private sealed class Events : DeviceEventSink
    {
        private OtherDevice? _owner;

        public void Attach(OtherDevice owner) => Volatile.Write(ref _owner, owner);

        /// <inheritdoc/>
        public override void OnUsedBuffers(ushort queueIndex) => Volatile.Read(ref _owner)?.OnUsedBuffers();

        /// <inheritdoc/>
        public override void OnConfigurationChange() => Volatile.Read(ref _owner)?.OnConfigurationChange();
    }
}
