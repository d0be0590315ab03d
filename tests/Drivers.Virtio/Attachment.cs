using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>Attaches device models to simulated machines, and finds the driver's way to them.</summary>
internal static class Attachment
{
    private const ulong MmioAddress = 0xFEB0_0000;
    private const byte Line = 11;

    public static VirtioTransport Of(SimulatedMachine machine, VirtioDeviceModel model, bool isMmio) =>
        isMmio ? OverMmio(machine, model) : OverPci(machine, model);

    public static VirtioTransport OverPci(SimulatedMachine machine, VirtioDeviceModel model)
    {
        PciDeviceFunction function = new PciDeviceFunction(model, machine.Messages.OutputTo(Line));
        VirtioTransport? transport = PciTransport.TryCreate(machine, machine.Plug(function), out Failure? failure);
        Assert.That(failure, Is.Null);
        return transport!;
    }

    public static VirtioTransport OverMmio(SimulatedMachine machine, VirtioDeviceModel model)
    {
        MmioRegion registers = new MmioDevice(model, machine.Messages.OutputTo(Line)).Registers;
        machine.AddRegisters(MmioAddress, registers);
        VirtioTransport? transport = MmioTransport.TryCreate(
            machine, MmioAddress, registers.Length, Line, out Failure? failure);
        Assert.That(failure, Is.Null);
        return transport!;
    }
}
