using System;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;
using VirtioGuest.Simulation;
using SimulatedMachine = VirtioGuest.Simulation.SimulatedMachine;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>
/// A machine, a device model on its PCI bus or behind virtio-mmio registers, and the driver's way to it. Hand-overs of
/// memory are audited, and what a driver may not do fails the test at its end.
/// </summary>
internal sealed class ModelBench<TModel> : IDisposable
    where TModel : VirtioDeviceModel
{
    /// <param name="create">Makes the device over the machine's memory.</param>
    /// <param name="isMmio">Whether it is behind virtio-mmio registers, and not a PCI function.</param>
    /// <param name="memory">What the memory is like; audited, unless told otherwise.</param>
    public ModelBench(Func<SimulatedDma, TModel> create, bool isMmio = false, SimulatedDmaOptions? memory = null)
    {
        Machine = new SimulatedMachine(
            new SimulatedDma(memory ?? new SimulatedDmaOptions { WatchesHandOvers = true }));
        Model = create(Machine.Memory);
        Model.RunsWhenNotified = true;
        IsMmio = isMmio;
    }

    public SimulatedMachine Machine { get; }

    public TModel Model { get; }

    public bool IsMmio { get; }

    /// <summary>What the PCI function looks like; counts from <see cref="OpenTransport"/> on.</summary>
    public PciFunctionOptions Options { get; set; } = new PciFunctionOptions { VectorCount = 8 };

    /// <summary>What is between the PCI function and the bus; the function itself, unless told otherwise.</summary>
    public Func<PciDeviceFunction, IBusFunction> Alter { get; set; } = function => function;

    /// <summary>The device's side of the PCI function, once there is one.</summary>
    public PciDeviceFunction? Function { get; private set; }

    /// <summary>The function as enumeration found it, likewise.</summary>
    public PciFunction? Found { get; private set; }

    public RecordingSink Sink { get; } = new RecordingSink();

    /// <summary>Whether the driver may leave hand-overs open and break rules, as when the device breaks them.</summary>
    public bool ExpectsViolations { get; set; }

    public VirtioTransport OpenTransport()
    {
        if (IsMmio)
        {
            return Attachment.OverMmio(Machine, Model);
        }

        Function = new PciDeviceFunction(Model, Machine.Messages.OutputTo(Options.InterruptLine), Options);
        Found = Machine.Plug(Alter(Function));
        VirtioTransport? transport = PciTransport.TryCreate(Machine, Found, out Failure? failure);
        Assert.That(failure, Is.Null);
        return transport!;
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

    /// <summary>Starts a driver that must fail, and says why it did.</summary>
    public string FailToStart(VirtioDevice driver)
    {
        Assert.That(driver.TryStart(out Failure? failure), Is.False);
        Assert.That(driver.Trouble, Is.EqualTo(failure));
        Assert.That(Function?.CanAccessMemory, Is.Not.True);
        Assert.That(Machine.Memory.Freed + Machine.Memory.Quarantined, Is.EqualTo(Machine.Memory.Allocated));
        return failure!.ToString();
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

    /// <summary>Writes a used element without any bytes written, whatever the device has taken.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="position">Where the device is in the first round of its ring.</param>
    /// <param name="id">The ID of the buffer.</param>
    public void ForgeUsed(ModelQueue queue, int position, ushort id)
    {
        bool isWritten;
        if ((Model.DriverFeatures & FeatureBit.RingPacked) != 0)
        {
            ulong slot = queue.Areas.Descriptor + (16 * (ulong)position);
            isWritten = Model.Memory.TryWrite(slot + 8, [0, 0, 0, 0, (byte)id, (byte)(id >> 8), 0x80, 0x80]);
        }
        else
        {
            ulong element = queue.Areas.Device + 4 + (8 * (ulong)position);
            isWritten = Model.Memory.TryWrite(element, [(byte)id, (byte)(id >> 8), 0, 0, 0, 0, 0, 0]);
            ForgeUsedIndex(queue, (ushort)(position + 1));
        }

        Assert.That(isWritten, Is.True);
    }

    /// <summary>Writes the index of a used ring, whatever was used.</summary>
    public void ForgeUsedIndex(ModelQueue queue, ushort index) =>
        Assert.That(Model.Memory.TryWrite(queue.Areas.Device + 2, [(byte)index, (byte)(index >> 8)]), Is.True);

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
