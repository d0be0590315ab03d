using VirtioGuest.Devices;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>Registers whose accesses are metered.</summary>
internal sealed class MeteredRegisters(AccessMeter meter, MmioRegion registers) : RegisterWindow(registers.Length)
{
    /// <summary>Covers what is placed on a bus from an address on.</summary>
    public static void Add(SimulatedMachine machine, AccessMeter meter, PciBus bus, ulong start, uint length) =>
        machine.AddRegisters(start, new MeteredRegisters(meter, bus.MapMmio(start, length)));

    protected override uint Read(uint offset, int width)
    {
        long before = meter.Enter();
        uint value = Read(registers, offset, width);
        meter.Leave(before);
        return value;
    }

    protected override void Write(uint offset, int width, uint value)
    {
        long before = meter.Enter();
        Write(registers, offset, width, value);
        meter.Leave(before);
    }
}
