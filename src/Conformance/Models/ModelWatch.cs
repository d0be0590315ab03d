using System;
using System.Collections.Generic;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Conformance.Judge;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Conformance.Models;

/// <summary>
/// The first source of events: stands between a driver in this process and a device model, and tells the judge of all
/// that passes.
/// </summary>
/// <remarks>
/// Make one before the driver comes, put <see cref="Function"/> or <see cref="Registers"/> in the place of the
/// device's own, and hand its interrupts to <see cref="WatchOutput"/>. Call <see cref="Rest"/> when the driver has done
/// all that it was asked for.
/// </remarks>
public sealed class ModelWatch
{
    private readonly DriverJudge _judge;
    private readonly VirtioDeviceModel _model;
    private readonly RingWatch[] _rings;
    private readonly bool[] _wasEnabled;
    private readonly MmioRegion? _registers;
    private readonly IBusFunction? _function;

    /// <summary>Watches a PCI function.</summary>
    /// <param name="target">The driver's name.</param>
    /// <param name="function">The function.</param>
    /// <param name="eyes">The memory as the judge is to see it; null for the device's own view.</param>
    public ModelWatch(string target, PciDeviceFunction function, GuestMemory? eyes = null)
        : this(target, function, function?.Model!, eyes)
    {
    }

    /// <summary>Watches a PCI function that stands before the device's own.</summary>
    public ModelWatch(string target, IBusFunction function, VirtioDeviceModel model, GuestMemory? eyes = null)
    {
        ArgumentNullException.ThrowIfNull(function);
        ArgumentNullException.ThrowIfNull(model);
        WatchedFunction watched = new WatchedFunction(function, this);
        _function = watched;
        _model = model;
        _judge = new DriverJudge(target, watched.Describe(model));
        (_rings, _wasEnabled) = WatchRings(eyes);
    }

    /// <summary>Watches registers over MMIO.</summary>
    public ModelWatch(string target, MmioDevice device)
    {
        ArgumentNullException.ThrowIfNull(device);
        _registers = new WatchedRegisters(device.Registers, this);
        _model = device.Model;
        _judge = new DriverJudge(
            target,
            new DeviceFacts { DeviceType = _model.DeviceType, IsMmio = true, Offered = Offer(_model) });
        (_rings, _wasEnabled) = WatchRings(null);
    }

    /// <summary>What stands on the bus in the place of the function.</summary>
    public IBusFunction Function => _function ?? throw new InvalidOperationException("The device is no PCI function.");

    /// <summary>What stands in the place of the registers.</summary>
    public MmioRegion Registers => _registers ?? throw new InvalidOperationException("The device is a PCI function.");

    /// <summary>The judge.</summary>
    public DriverJudge Judge => _judge;

    /// <summary>Stands before where interrupts of a device go. The watch may be made after it.</summary>
    public static WatchedOutput WatchOutput(InterruptOutput output) => new WatchedOutput(output);

    /// <summary>The driver has come to rest: what it owes the device is overdue.</summary>
    public void Rest()
    {
        _model.Run();
        foreach (RingWatch each in _rings)
        {
            each.Look(RingMoment.Rest);
        }

        _judge.Observe(new CameToRest());
    }

    internal static ulong Offer(VirtioDeviceModel model) => model.OfferedFeatures | model.FalseFeatures;

    internal void Tell(DriverEvent happened) => _judge.Observe(happened);

    /// <summary>A write is about to reach the device; where it notifies, the ring is as the driver left it.</summary>
    internal void TellWrite(RegisterAccess access)
    {
        _judge.Observe(access);
        if (_judge.Notification is uint value)
        {
            BeforeNotification(value);
        }
    }

    private void BeforeNotification(uint value)
    {
        bool isNamed = (_model.DriverFeatures & FeatureBit.NotificationConfigurationData) != 0;
        for (int i = 0; i < _rings.Length; i++)
        {
            ModelQueue queue = _model.Queues[i];
            if ((ushort)value == (isNamed ? queue.NotificationConfigurationData : queue.Index))
            {
                _rings[i].Look(RingMoment.Notified);
            }
        }
    }

    /// <summary>An access has reached the device: a queue may have been enabled by it.</summary>
    internal void AfterWrite()
    {
        for (int i = 0; i < _rings.Length; i++)
        {
            bool isEnabled = _model.Queues[i].IsEnabled;
            if (isEnabled && !_wasEnabled[i])
            {
                _wasEnabled[i] = true;
                _rings[i].OnEnabled();
            }

            _wasEnabled[i] = isEnabled;
        }
    }

    private (RingWatch[] Rings, bool[] WasEnabled) WatchRings(GuestMemory? eyes)
    {
        RingWatch[] rings = new RingWatch[_model.Queues.Length];
        for (int i = 0; i < rings.Length; i++)
        {
            rings[i] = new RingWatch(eyes ?? _model.Memory, _model.Queues[i], () => _model.DriverFeatures, Tell);
            _model.Queues[i].Observer = rings[i];
        }

        return (rings, new bool[rings.Length]);
    }
}

/// <summary>Tells a judge of interrupts and passes them on.</summary>
public sealed class WatchedOutput : InterruptOutput
{
    private readonly InterruptOutput _output;

    internal WatchedOutput(InterruptOutput output)
    {
        _output = output;
    }

    /// <summary>Who is told; nobody at first.</summary>
    public ModelWatch? Watch { get; set; }

    /// <inheritdoc/>
    public override void SendMessage(ulong address, uint data)
    {
        Watch?.Tell(new InterruptRaised($"message {data:x} to {address:x}"));
        _output.SendMessage(address, data);
    }

    /// <inheritdoc/>
    public override void SetLine(bool isAsserted)
    {
        Watch?.Tell(new InterruptRaised(isAsserted ? "line up" : "line down"));
        _output.SetLine(isAsserted);
    }
}
