using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>A way to configuration space whose accesses are metered.</summary>
internal sealed class MeteredConfiguration : ConfigurationAccess
{
    private readonly AccessMeter _meter;
    private readonly ConfigurationAccess _inner;

    public MeteredConfiguration(AccessMeter meter, ConfigurationAccess inner)
        : base(inner.Segment, inner.FirstBus, inner.LastBus, inner.Length)
    {
        _meter = meter;
        _inner = inner;
    }

    protected override byte ReadByte(PciAddress address, uint offset) => (byte)Read(address, offset, 1);

    protected override ushort ReadWord(PciAddress address, uint offset) => (ushort)Read(address, offset, 2);

    protected override uint ReadDoubleWord(PciAddress address, uint offset) => Read(address, offset, 4);

    protected override void WriteByte(PciAddress address, uint offset, byte value) => Write(address, offset, 1, value);

    protected override void WriteWord(PciAddress address, uint offset, ushort value) =>
        Write(address, offset, 2, value);

    protected override void WriteDoubleWord(PciAddress address, uint offset, uint value) =>
        Write(address, offset, 4, value);

    private uint Read(PciAddress address, uint offset, int width)
    {
        long before = _meter.Enter();
        uint value = width switch
        {
            1 => _inner.Read8(address, offset),
            2 => _inner.Read16(address, offset),
            _ => _inner.Read32(address, offset),
        };
        _meter.Leave(before);
        return value;
    }

    private void Write(PciAddress address, uint offset, int width, uint value)
    {
        long before = _meter.Enter();
        switch (width)
        {
            case 1:
                _inner.Write8(address, offset, (byte)value);
                break;
            case 2:
                _inner.Write16(address, offset, (ushort)value);
                break;
            default:
                _inner.Write32(address, offset, value);
                break;
        }

        _meter.Leave(before);
    }
}
