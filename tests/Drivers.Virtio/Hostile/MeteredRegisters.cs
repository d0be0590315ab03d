using VirtioGuest.Devices.Pci;
using VirtioGuest.Simulation;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>A part of a machine's bus whose accesses are metered.</summary>
internal sealed class MeteredRegisters : RegisterModel
{
    private readonly AccessMeter _meter;
    private readonly MmioRegion _region;

    /// <summary>Covers registers.</summary>
    public MeteredRegisters(AccessMeter meter, MmioRegion region)
    {
        _meter = meter;
        _region = region;
    }

    /// <summary>Covers what is placed on a bus from an address on.</summary>
    public static void Add(SimulatedMachine machine, AccessMeter meter, PciBus bus, ulong start, uint length) =>
        machine.AddRegisters(start, length, new MeteredRegisters(meter, bus.MapMmio(start, length)));

    public override uint Read(uint offset, uint width)
    {
        long before = _meter.Enter();
        uint value = width switch
        {
            1 => _region.Read8(offset),
            2 => _region.Read16(offset),
            _ => _region.Read32(offset),
        };
        _meter.Leave(before);
        return value;
    }

    public override void Write(uint offset, uint width, uint value)
    {
        long before = _meter.Enter();
        switch (width)
        {
            case 1:
                _region.Write8(offset, (byte)value);
                break;
            case 2:
                _region.Write16(offset, (ushort)value);
                break;
            default:
                _region.Write32(offset, value);
                break;
        }

        _meter.Leave(before);
    }
}
