using VirtioGuest.Devices.Pci;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>A function that is no virtio device: an identity, a class and a line.</summary>
internal sealed class ForeignFunction(uint identity, uint classAndRevision, byte line) : IBusFunction
{
    public uint ReadConfiguration(uint offset, int width)
    {
        uint register = (offset & ~3u) switch
        {
            0x00 => identity,
            0x08 => classAndRevision,
            0x3C => 0x0100u | line,
            _ => 0,
        };
        return (register >> (int)(8 * (offset & 3))) & (uint)((1UL << (8 * width)) - 1);
    }

    public void WriteConfiguration(uint offset, int width, uint value)
    {
    }

    public int? Decode(ulong address, out ulong offset)
    {
        offset = 0;
        return null;
    }

    public uint ReadBar(int index, ulong offset, int width) => 0;

    public void WriteBar(int index, ulong offset, int width, uint value)
    {
    }
}
