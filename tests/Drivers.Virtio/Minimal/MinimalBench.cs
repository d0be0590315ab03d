using System;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Minimal;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Tests.Hostile;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Minimal;

/// <summary>
/// A machine like kvm-host's with a disk at 00:00.0 and a network card at 00:01.0, and the drivers' way to them: ports,
/// enumeration, base addresses, transport.
/// </summary>
internal sealed class MinimalBench : IDisposable
{
    public const ulong Window = 0xC000_0000;
    public const uint WindowLength = 0x1000_0000;

    private static readonly byte[] s_mac = [2, 0, 0, 0, 0, 1];

    public MinimalBench(int sectors = 64)
    {
        Disk = new BlockDevice(Machine.Memory.GuestMemory, sectors);
        Card = new NetDevice(Machine.Memory.GuestMemory, s_mac);
        DiskFunction = new MinimalFunction(Disk, Machine.Messages.OutputTo(15, isPulsed: true));
        CardFunction = new MinimalFunction(Card, Machine.Messages.OutputTo(14, isPulsed: true));
        Bus.Add(0, DiskFunction);
        Bus.Add(1, CardFunction);
        Machine.UsePorts(new MechanismOnePorts(Bus));
        MeteredRegisters.Add(Machine, Meter, Bus, Window, WindowLength);
    }

    public SimulatedMachine Machine { get; } = new SimulatedMachine();

    public AccessMeter Meter { get; } = new AccessMeter();

    /// <summary>Absent devices read as zero here.</summary>
    public PciBus Bus { get; } = new PciBus(absent: 0);

    public BlockDevice Disk { get; }

    public NetDevice Card { get; }

    public MinimalFunction DiskFunction { get; }

    public MinimalFunction CardFunction { get; }

    public RecordingSink Sink { get; } = new RecordingSink();

    /// <summary>What enumeration found; the base addresses are placed.</summary>
    public PciTopology Discover()
    {
        Assert.That(ConfigurationMechanism1.IsPresent(Machine.Ports), Is.True);
        PciTopology topology = PciTopology.Discover(new ConfigurationMechanism1(Machine.Ports), Machine.Log);
        BaseAddressAssignment assignment = new BaseAddressAssignment(Machine.Log);
        assignment.AddMemoryWindow(new AddressRange(Window, WindowLength));
        assignment.Assign(topology);
        return topology;
    }

    public PciTransport OpenTransport(int device)
    {
        PciFunction function = Discover().Find(new PciAddress(0, 0, (byte)device, 0))!;
        PciTransport? transport = PciTransport.TryCreate(Machine, function, out Failure? failure);
        Assert.That(failure, Is.Null);
        return transport!;
    }

    public VirtioBlock StartDisk() => Started(new VirtioBlock(OpenTransport(0), "disk0", Sink));

    public VirtioNet StartCard() => Started(new VirtioNet(OpenTransport(1), "net0", Sink));

    /// <summary>Expects that the drivers did nothing wrong.</summary>
    public void ExpectNoFindings()
    {
        Assert.That(Disk.Findings, Is.Empty);
        Assert.That(Card.Findings, Is.Empty);
    }

    /// <summary>A piece of memory for data.</summary>
    public DmaMemory Buffer(uint length) => Machine.Dma.Allocate(length, 512)!;

    public void Dispose()
    {
        Machine.Memory.CheckGuards();
        string[] violations = Machine.Memory.Violations.ToArray();
        Machine.Dispose();
        Assert.That(violations, Is.Empty);
    }

    private static T Started<T>(T driver)
        where T : VirtioDevice
    {
        Assert.That(driver.TryStart(out Failure? failure), Is.True, failure?.ToString());
        return driver;
    }
}
