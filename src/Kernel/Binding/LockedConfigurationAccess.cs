using System.Threading;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <summary>
/// Configuration space for many threads: an access by mechanism 1 takes two steps, one through a window of
/// configuration space more, and nobody may come between them.
/// </summary>
internal sealed class LockedConfigurationAccess : ConfigurationAccess
{
    private readonly Lock _gate = new();
    private readonly ConfigurationAccess _inner;

    /// <summary>Puts a lock around each access.</summary>
    public LockedConfigurationAccess(ConfigurationAccess inner)
        : base(inner.Segment, inner.FirstBus, inner.LastBus, inner.Length)
    {
        _inner = inner;
    }

    /// <inheritdoc/>
    public override void BeginSequence() => _gate.Enter();

    /// <inheritdoc/>
    public override void EndSequence() => _gate.Exit();

    /// <inheritdoc/>
    protected override byte ReadByte(PciAddress address, uint offset)
    {
        lock (_gate)
        {
            return _inner.Read8(address, offset);
        }
    }

    /// <inheritdoc/>
    protected override ushort ReadWord(PciAddress address, uint offset)
    {
        lock (_gate)
        {
            return _inner.Read16(address, offset);
        }
    }

    /// <inheritdoc/>
    protected override uint ReadDoubleWord(PciAddress address, uint offset)
    {
        lock (_gate)
        {
            return _inner.Read32(address, offset);
        }
    }

    /// <inheritdoc/>
    protected override void WriteByte(PciAddress address, uint offset, byte value)
    {
        lock (_gate)
        {
            _inner.Write8(address, offset, value);
        }
    }

    /// <inheritdoc/>
    protected override void WriteWord(PciAddress address, uint offset, ushort value)
    {
        lock (_gate)
        {
            _inner.Write16(address, offset, value);
        }
    }

    /// <inheritdoc/>
    protected override void WriteDoubleWord(PciAddress address, uint offset, uint value)
    {
        lock (_gate)
        {
            _inner.Write32(address, offset, value);
        }
    }
}
