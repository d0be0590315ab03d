using VirtioGuest.Devices;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Simulation;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>A machine with <see cref="RecycledMemory"/> and one device behind registers.</summary>
internal sealed class RecycledMachine : Machine
{
    private const ulong Address = 0xFEB0_0000;
    private const byte Line = 5;

    private readonly SimulatedMachine _machine;

    public RecycledMachine(SimulatedMachine machine)
    {
        _machine = machine;
        Memory = new RecycledMemory(machine.Memory);
    }

    /// <summary>The memory.</summary>
    public RecycledMemory Memory { get; }

    /// <inheritdoc/>
    public override PortSpace Ports => _machine.Ports;

    /// <inheritdoc/>
    public override DmaTag Dma => Memory;

    /// <inheritdoc/>
    public override InterruptController Interrupts => _machine.Interrupts;

    /// <inheritdoc/>
    public override MonotonicClock Clock => _machine.Clock;

    /// <inheritdoc/>
    public override DeviceLog Log => _machine.Log;

    /// <inheritdoc/>
    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) =>
        _machine.MapMmio(physicalAddress, length);

    /// <summary>Attaches a device.</summary>
    /// <returns>The driver's way to it.</returns>
    public VirtioTransport Attach(VirtioDeviceModel model)
    {
        MmioRegion registers = new MmioDevice(model, _machine.Messages.OutputTo(Line)).Registers;
        _machine.AddRegisters(Address, registers);
        return MmioTransport.TryCreate(this, Address, registers.Length, Line, out _)!;
    }
}
