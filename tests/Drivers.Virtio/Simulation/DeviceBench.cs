using System;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>A machine, a function with a device, and the driver that is to drive it.</summary>
internal sealed class DeviceBench<TDevice> : IDisposable
    where TDevice : SimulatedDevice
{
    public DeviceBench(
        Func<SimulatedMachine, TDevice> create, ushort deviceId, SimulatedMachine? machine = null)
    {
        Machine = machine ?? new SimulatedMachine();
        Device = create(Machine);
        Function = new SimulatedFunction(Machine, Device) { DeviceId = deviceId };
    }

    public SimulatedMachine Machine { get; }

    public TDevice Device { get; }

    public SimulatedFunction Function { get; }

    public RecordingSink Sink { get; } = new RecordingSink();

    /// <summary>The function as enumeration found it; set by <see cref="OpenTransport"/>.</summary>
    public PciFunction? Found { get; private set; }

    /// <summary>Whether the driver may leave hand-overs open, as when a device breaks the rules.</summary>
    public bool ExpectsViolations { get; set; }

    public PciTransport? OpenTransport(out Failure? failure)
    {
        Found = Function.Discover();
        return PciTransport.TryCreate(Machine, Found, out failure);
    }

    public PciTransport OpenTransport()
    {
        PciTransport? transport = OpenTransport(out Failure? failure);
        Assert.That(failure, Is.Null);
        return transport!;
    }

    public VirtioBlock NewBlock() => Owned(new VirtioBlock(OpenTransport(), "disk0", Sink));

    public VirtioBlock StartBlock() => Started(NewBlock());

    public VirtioNet NewNet() => Owned(new VirtioNet(OpenTransport(), "net0", Sink));

    public VirtioNet StartNet() => Started(NewNet());

    /// <summary>Starts a driver that must fail, and says why it did.</summary>
    public string FailToStart(VirtioDevice driver)
    {
        Assert.That(driver.TryStart(out Failure? failure), Is.False);
        Assert.That(driver.Trouble, Is.EqualTo(failure));
        Assert.That(Function.IsBusMaster, Is.False);
        Assert.That(Machine.Memory.Freed + Machine.Memory.Quarantined, Is.EqualTo(Machine.Memory.Allocated));
        return failure!.ToString();
    }

    public void Dispose()
    {
        Machine.Memory.CheckGuards();
        string[] violations = Machine.Memory.Violations.ToArray();
        Machine.Dispose();
        if (!ExpectsViolations)
        {
            Assert.That(violations, Is.Empty);
        }
    }

    private T Owned<T>(T driver)
        where T : VirtioDevice
    {
        Sink.Driver = driver;
        return driver;
    }

    private static T Started<T>(T driver)
        where T : VirtioDevice
    {
        Assert.That(driver.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(driver.State, Is.EqualTo(DeviceState.Running));
        return driver;
    }
}
