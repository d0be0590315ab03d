using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// Configuration space that interrupt handlers use too. An access by mechanism 1 takes two steps, and one through the
/// PCI configuration access capability (virtio 1.4, 4.1.4.9) more; interrupts are off during each.
/// </summary>
internal sealed class UninterruptedConfigurationAccess : ConfigurationAccess
{
    private readonly Platform _platform;
    private readonly ConfigurationAccess _inner;
    private uint _interrupts;
    private int _depth;

    internal UninterruptedConfigurationAccess(Platform platform, ConfigurationAccess inner)
        : base(inner.Segment, inner.FirstBus, inner.LastBus, inner.Length)
    {
        _platform = platform;
        _inner = inner;
    }

    public override void BeginSequence()
    {
        uint before = _platform.DisableInterrupts();
        if (_depth == 0)
        {
            _interrupts = before;
        }

        _depth++;
    }

    public override void EndSequence()
    {
        _depth--;
        if (_depth == 0)
        {
            _platform.RestoreInterrupts(_interrupts);
        }
    }

    protected override byte ReadByte(PciAddress address, uint offset)
    {
        BeginSequence();
        byte value = _inner.Read8(address, offset);
        EndSequence();
        return value;
    }

    protected override ushort ReadWord(PciAddress address, uint offset)
    {
        BeginSequence();
        ushort value = _inner.Read16(address, offset);
        EndSequence();
        return value;
    }

    protected override uint ReadDoubleWord(PciAddress address, uint offset)
    {
        BeginSequence();
        uint value = _inner.Read32(address, offset);
        EndSequence();
        return value;
    }

    protected override void WriteByte(PciAddress address, uint offset, byte value)
    {
        BeginSequence();
        _inner.Write8(address, offset, value);
        EndSequence();
    }

    protected override void WriteWord(PciAddress address, uint offset, ushort value)
    {
        BeginSequence();
        _inner.Write16(address, offset, value);
        EndSequence();
    }

    protected override void WriteDoubleWord(PciAddress address, uint offset, uint value)
    {
        BeginSequence();
        _inner.Write32(address, offset, value);
        EndSequence();
    }
}
