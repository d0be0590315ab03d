using System;
using System.Collections.Generic;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Conform.Own;

/// <summary>A simulated machine with one device, its driver, and the judge in between.</summary>
internal abstract class OwnMachine : IDisposable
{
    private const ulong MmioAddress = 0xFEB0_0E00;
    private const byte Line = 12;

    private readonly OwnTransport _transport;
    private readonly string _name;
    private readonly OddDevice? _odd;
    private ModelWatch? _watch;

    protected OwnMachine(OwnTransport transport, ulong form, OddDevice? odd, string name)
    {
        _transport = transport;
        _odd = odd;
        Form = transport == OwnTransport.Mmio ? form & ~FeatureBit.NotificationConfigurationData : form;
        _name = $"{name} {transport} {Form:x}{(odd is null ? string.Empty : $", which {odd.Habit}")}";
    }

    /// <summary>What the device offers of what all types can have.</summary>
    protected ulong Form { get; }

    protected SimulatedMachine Machine { get; } = new(new SimulatedDma());

    protected OwnOwner Owner { get; } = new();

    /// <summary>The model; its queues have been prepared by <see cref="Prepare"/>.</summary>
    protected abstract VirtioDeviceModel Model { get; }

    /// <summary>Starts the driver, has it do all that it can, and says what the judge found.</summary>
    public IReadOnlyList<Verdict> Run()
    {
        _odd?.Prepare(Model);

        // A device that polls goes on by itself while its driver waits.
        Machine.Time.OnLook = () => Model.Run();
        VirtioDevice driver = Create(Open());
        Owner.Driver = driver;
        Start(driver);
        Work(driver);
        Rest();
        bool canSuspend = (Form & FeatureBit.Suspend) != 0;
        if (canSuspend && (!driver.Suspend() || !driver.Resume()))
        {
            throw new InvalidOperationException($"{_name} was not suspended and resumed.");
        }

        Work(driver);
        Rest();
        if (!driver.Stop())
        {
            throw new InvalidOperationException($"{_name} was not reset.");
        }

        Finish(driver);
        Start(driver);
        Work(driver);
        Rest();
        return _watch!.Judge.Conclude();
    }

    /// <summary>
    /// Starts the driver over a device that does what none may, and once more when that is over: it may fail what it
    /// was asked for, and must neither be led astray nor be lost.
    /// </summary>
    /// <param name="trouble">What the device does.</param>
    /// <exception cref="InvalidOperationException">The driver did otherwise; the message says how.</exception>
    public IReadOnlyList<Verdict> RunThrough(BadDevice trouble)
    {
        Machine.Time.OnLook = () => Model.Run();
        VirtioDevice driver = Create(Open());
        Owner.Driver = driver;
        Action heal = trouble.Begin(Model);
        bool isDone = TryWork(driver);
        heal();
        bool isNoticed = !isDone || driver.State == DeviceState.NeedsReset;
        if (trouble.IsHarmless && isNoticed)
        {
            throw new InvalidOperationException($"{_name} did not go on with a device that {trouble.Habit}.");
        }

        if (driver.State is DeviceState.Running or DeviceState.NeedsReset && !driver.Stop())
        {
            throw new InvalidOperationException($"{_name} was not reset after it {trouble.Habit}.");
        }

        Finish(driver);
        Start(driver);
        Work(driver);
        Rest();
        return _watch!.Judge.Conclude();
    }

    public void Dispose() => Machine.Dispose();

    protected abstract VirtioDevice Create(VirtioTransport transport);

    /// <summary>Has the driver do what it can do.</summary>
    protected abstract void Work(VirtioDevice driver);

    /// <summary>Takes back what is left after a stop.</summary>
    protected virtual void Finish(VirtioDevice driver)
    {
    }

    protected static void Prepare(VirtioDeviceModel model, ushort size)
    {
        model.RunsWhenNotified = true;
        foreach (ModelQueue each in model.Queues)
        {
            each.MaximumSize = size;
            each.IsStrict = true;
            each.NotificationConfigurationData = (ushort)(0x40 + each.Index);
        }
    }

    protected void Rest() => _watch!.Rest();

    private bool TryWork(VirtioDevice driver)
    {
        try
        {
            if (!driver.TryStart(out _))
            {
                return false;
            }

            Work(driver);
            Rest();
            return true;
        }
        catch (WorkFailure)
        {
            return false;
        }
    }

    private void Start(VirtioDevice driver)
    {
        if (!driver.TryStart(out Failure? failure))
        {
            throw new InvalidOperationException($"{_name} did not start: {failure}");
        }
    }

    private VirtioTransport Open()
    {
        VirtioTransport? transport;
        Failure? failure;
        if (_transport == OwnTransport.Mmio)
        {
            WatchedOutput line = ModelWatch.WatchOutput(Machine.Messages.OutputTo(Line));
            _watch = new ModelWatch(_name, new MmioDevice(Model, line));
            line.Watch = _watch;
            Machine.AddRegisters(MmioAddress, _watch.Registers);
            transport = MmioTransport.TryCreate(Machine, MmioAddress, _watch.Registers.Length, Line, out failure);
        }
        else
        {
            PciFunctionOptions options = new()
            {
                VectorCount = _transport == OwnTransport.PciLine ? 0 : 8,
                MappableVectors = _odd?.MappableVectors ?? int.MaxValue,
            };
            WatchedOutput output = ModelWatch.WatchOutput(Machine.Messages.OutputTo(options.InterruptLine));
            _watch = new ModelWatch(_name, new PciDeviceFunction(Model, output, options));
            output.Watch = _watch;
            bool isPlaced = _transport != OwnTransport.PciWindow;
            transport = PciTransport.TryCreate(
                Machine, Machine.Plug(_watch.Function, isPlaced: isPlaced), out failure);
        }

        return transport ?? throw new InvalidOperationException($"{_name} was not opened: {failure}");
    }
}

/// <summary>What a driver was asked for was not done.</summary>
internal sealed class WorkFailure(string what) : Exception(what);

/// <summary>Looks at changes, as an owner does.</summary>
internal sealed class OwnOwner : DeviceEventSink
{
    public VirtioDevice? Driver { get; set; }

    public override void OnUsedBuffers(ushort queueIndex)
    {
    }

    public override void OnConfigurationChange() => Driver?.ObserveChange();
}
