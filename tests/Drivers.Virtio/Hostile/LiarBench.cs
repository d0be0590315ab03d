using System;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>An honest disk behind registers that lie where a test says so, over PCI or over MMIO.</summary>
internal sealed class LiarBench : IDisposable
{
    private const ulong Window = 0xE000_0000;
    private const ulong MmioAddress = 0xFEB0_0E00;
    private const byte Line = 11;

    private readonly SeededRandom _random = new SeededRandom(1);
    private readonly HostileRegisters? _registers;
    private readonly HostileFunction? _function;

    public LiarBench(bool isMmio, int vectorCount = 0)
    {
        IsMmio = isMmio;
        Machine.Time.RelaxStep = 10_000_000;
        Machine.Messages.IsQueued = true;
        Disk = new BlockDevice(Machine.Memory.GuestMemory, 64) { OfferedFeatures = FeatureBit.Usual };
        InterruptOutput output = Machine.Messages.OutputTo(Line);
        if (isMmio)
        {
            _registers = new HostileRegisters(new MmioDevice(Disk, output), _random, Hostility.None);
            Machine.AddRegisters(MmioAddress, new MeteredRegisters(Meter, _registers.Registers));
        }
        else
        {
            Honest = new PciDeviceFunction(Disk, output, new PciFunctionOptions { VectorCount = vectorCount });
            _function = new HostileFunction(Honest, _random, Hostility.None);
            Bus.Add(4, _function);
            MeteredRegisters.Add(Machine, Meter, Bus, Window, 0x100_0000);
        }
    }

    public bool IsMmio { get; }

    public SimulatedMachine Machine { get; } = new SimulatedMachine();

    public AccessMeter Meter { get; } = new AccessMeter();

    public PciBus Bus { get; } = new PciBus();

    public BlockDevice Disk { get; }

    /// <summary>The function behind the lies; null over MMIO.</summary>
    public PciDeviceFunction? Honest { get; }

    public RecordingSink Sink { get; } = new RecordingSink();

    /// <summary>Has a register say the same from now on.</summary>
    /// <param name="pci">Its place among the structures.</param>
    /// <param name="mmio">Its place over MMIO.</param>
    /// <param name="value">What it says.</param>
    public void Pin(uint pci, uint mmio, uint value) => Lie(pci, mmio, LieKind.Constant, value);

    /// <summary>Has a register lie from now on.</summary>
    public void Lie(uint pci, uint mmio, LieKind kind, uint value = 0)
    {
        LyingRegisters lies = IsMmio ? _registers!.Lies : _function!.Structures;
        lies.Add(new RegisterLie(IsMmio ? mmio : pci, 1, kind, value, 0, _random));
    }

    public VirtioBlock NewBlock()
    {
        Failure? failure;
        VirtioTransport? transport;
        if (IsMmio)
        {
            transport = MmioTransport.TryCreate(
                Machine, MmioAddress, _registers!.Registers.Length, Line, out failure);
        }
        else
        {
            PciTopology topology = PciTopology.Discover(new MeteredConfiguration(Meter, Bus), Machine.Log);
            BaseAddressAssignment assignment = new BaseAddressAssignment(Machine.Log);
            assignment.AddMemoryWindow(new AddressRange(Window, 0x100_0000));
            assignment.Assign(topology);
            transport = PciTransport.TryCreate(Machine, topology.Functions[0], out failure);
        }

        Assert.That(failure, Is.Null);
        Meter.Restart();
        VirtioBlock block = new VirtioBlock(transport!, "disk0", Sink);
        Sink.Driver = block;
        return block;
    }

    public VirtioBlock StartBlock()
    {
        VirtioBlock block = NewBlock();
        Assert.That(block.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Meter.Restart();
        return block;
    }

    /// <summary>Starts a driver that must fail, in bounded time and without leaving anything behind.</summary>
    public string FailToStart()
    {
        VirtioBlock block = NewBlock();
        Assert.That(block.TryStart(out Failure? failure), Is.False);
        Assert.That(Machine.Memory.Freed + Machine.Memory.Quarantined, Is.EqualTo(Machine.Memory.Allocated));
        Assert.That(Honest?.CanAccessMemory, Is.Not.True);
        return failure!.ToString();
    }

    public void Dispose()
    {
        Machine.Memory.CheckGuards();
        string[] violations = Machine.Memory.Violations.ToArray();
        Machine.Dispose();
        Assert.That(violations, Is.Empty);
    }
}
