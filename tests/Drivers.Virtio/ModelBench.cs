using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>
/// A machine, a device model on its PCI bus or behind virtio-mmio registers, and the driver's way to it. Hand-overs of
/// memory are audited, and what a driver may not do fails the test at its end.
/// </summary>
internal sealed class ModelBench<TModel> : IDisposable
    where TModel : VirtioDeviceModel
{
    /// <summary>Where registers over MMIO are.</summary>
    public const ulong MmioAddress = 0xFEB0_0E00;

    /// <summary>Their line.</summary>
    public const byte MmioLine = 12;

    /// <summary>Where shared memory of a device over MMIO begins.</summary>
    public const ulong SharedMemoryBase = 0x12_3456_7000;

    private readonly SeededRandom _random = new SeededRandom(1);
    private HostileRegisters? _registers;

    /// <param name="create">Makes the device over the machine's memory.</param>
    /// <param name="isMmio">Whether it is behind virtio-mmio registers, and not a PCI function.</param>
    /// <param name="memory">What the memory is like; audited, unless told otherwise.</param>
    public ModelBench(Func<SimulatedDma, TModel> create, bool isMmio = false, SimulatedDmaOptions? memory = null)
    {
        Machine = new SimulatedMachine(
            new SimulatedDma(memory ?? new SimulatedDmaOptions { WatchesHandOvers = true }));
        Model = create(Machine.Memory);
        Model.RunsWhenNotified = true;
        Model.OnRegisterWrite = Writes.Add;
        foreach (ModelQueue queue in Model.Queues)
        {
            queue.IsStrict = true;
        }

        IsMmio = isMmio;
    }

    public SimulatedMachine Machine { get; }

    public TModel Model { get; }

    public bool IsMmio { get; }

    /// <summary>What the PCI function looks like; counts from <see cref="OpenTransport"/> on.</summary>
    public PciFunctionOptions Options { get; set; } = new PciFunctionOptions { VectorCount = 8 };

    /// <summary>What is between the PCI function and the bus; the function itself, unless told otherwise.</summary>
    public Func<PciDeviceFunction, IBusFunction> Alter { get; set; } = function => function;

    /// <summary>Whether the function's base addresses are placed.</summary>
    public bool IsPlaced { get; set; } = true;

    /// <summary>What firmware does to the PCI function besides, before the driver finds it.</summary>
    public Action<PciDeviceFunction> Firmware { get; set; } = _ => { };

    /// <summary>The device's side of the PCI function, once there is one.</summary>
    public PciDeviceFunction? Function { get; private set; }

    /// <summary>
    /// Whether the line of a device over MMIO is lowered as soon as it is raised, as where lines are edge-triggered.
    /// </summary>
    public bool IsLinePulsed { get; set; }

    /// <summary>The device's side of the registers over MMIO, once there are any.</summary>
    public MmioDevice? Mmio { get; private set; }

    /// <summary>The function as enumeration found it, likewise.</summary>
    public PciFunction? Found { get; private set; }

    /// <summary>The driver's register writes, in order; see <see cref="VirtioDeviceModel.OnRegisterWrite"/>.</summary>
    public List<string> Writes { get; } = [];

    public RecordingSink Sink { get; } = new RecordingSink();

    /// <summary>Whether the driver may leave hand-overs open and break rules, as when the device breaks them.</summary>
    public bool ExpectsViolations { get; set; }

    public VirtioTransport OpenTransport()
    {
        Failure? failure;
        VirtioTransport? transport = IsMmio ? OpenMmio(out failure) : OpenPci(out failure);
        Assert.That(failure, Is.Null);
        return transport!;
    }

    /// <summary>Opens the registers over MMIO, or tells why they cannot be opened.</summary>
    public MmioTransport? OpenMmio(out Failure? failure)
    {
        MmioRegion registers = AddMmio();
        return MmioTransport.TryCreate(Machine, MmioAddress, registers.Length, MmioLine, out failure);
    }

    /// <summary>Opens the PCI function, or tells why it cannot be opened.</summary>
    public PciTransport? OpenPci(out Failure? failure) => PciTransport.TryCreate(Machine, Discover(), out failure);

    /// <summary>Has the PCI function found; it stays the same one.</summary>
    public PciFunction Discover()
    {
        if (Found is null)
        {
            Function = new PciDeviceFunction(Model, Machine.Messages.OutputTo(Options.InterruptLine), Options);
            Firmware(Function);
            Found = Machine.Plug(Alter(Function), isPlaced: IsPlaced);
        }

        return Found;
    }

    /// <summary>Puts the registers over MMIO into the machine; they stay the same ones.</summary>
    public MmioRegion AddMmio()
    {
        if (_registers is null)
        {
            Mmio = new MmioDevice(Model, Machine.Messages.OutputTo(MmioLine, IsLinePulsed), SharedMemoryBase);
            _registers = new HostileRegisters(Mmio, _random, Hostility.None);
            Machine.AddRegisters(MmioAddress, _registers.Registers);
        }

        return _registers.Registers;
    }

    /// <summary>Makes a driver by the registry.</summary>
    public TDriver Create<TDriver>(string name)
        where TDriver : VirtioDevice
    {
        VirtioDriver driver = DriverRegistry.Find(Model.DeviceType)!;
        Sink.Driver = driver.Create(OpenTransport(), name, Sink);
        return (TDriver)Sink.Driver;
    }

    public TDriver Start<TDriver>(string name)
        where TDriver : VirtioDevice
    {
        TDriver driver = Create<TDriver>(name);
        Assert.That(driver.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(driver.State, Is.EqualTo(DeviceState.Running));
        return driver;
    }

    /// <summary>Makes a driver that must fail to start, and says why it did.</summary>
    public string FailToStart<TDriver>(string name)
        where TDriver : VirtioDevice =>
        FailToStart(Create<TDriver>(name));

    /// <summary>Starts a driver that must fail, and says why it did.</summary>
    public string FailToStart(VirtioDevice driver)
    {
        Assert.That(driver.TryStart(out Failure? failure), Is.False);
        Assert.That(driver.Trouble, Is.EqualTo(failure));
        Assert.That(Function?.CanAccessMemory, Is.Not.True);
        Assert.That(Machine.Memory.Freed + Machine.Memory.Quarantined, Is.EqualTo(Machine.Memory.Allocated));
        return failure!.ToString();
    }

    /// <summary>
    /// Has a register read as something else: over MMIO from now on, of a PCI function from before it is opened.
    /// </summary>
    /// <param name="offset">Where it is; the common configuration of a PCI function begins at 0.</param>
    /// <param name="length">Its size in bytes.</param>
    /// <param name="value">What is read.</param>
    public void Pin(uint offset, uint length, uint value)
    {
        RegisterLie lie = new RegisterLie(offset, length, LieKind.Constant, value, 0, _random);
        if (IsMmio)
        {
            AddMmio();
            _registers!.Lies.Add(lie);
            return;
        }

        Alter = function =>
        {
            HostileFunction liar = new HostileFunction(function, _random, Hostility.None);
            liar.Structures.Add(lie);
            return liar;
        };
    }

    /// <summary>Sets the size of every queue.</summary>
    public void SetQueueSize(ushort size)
    {
        foreach (ModelQueue queue in Model.Queues)
        {
            queue.MaximumSize = size;
        }
    }

    /// <summary>Gives one of the buffers back that the device has kept, 0 for the oldest.</summary>
    public void Complete(HeldBackCompletion held, int index)
    {
        held.ReleaseAt(index);
        Model.Run();
    }

    /// <summary>Counts the driver's steps from now on: accesses to memory and registers, and hand-overs.</summary>
    public Steps CountSteps() => new Steps(Machine) { IsPaused = () => Model.IsAtWork };

    public void Dispose()
    {
        Machine.Memory.CheckGuards();
        string[] violations = Machine.Memory.Violations.ToArray();
        Machine.Dispose();
        if (!ExpectsViolations)
        {
            Assert.That(violations, Is.Empty);
            Assert.That(Model.Findings, Is.Empty);
            Assert.That(Machine.Messages.Spurious, Is.Zero);
        }
    }
}
