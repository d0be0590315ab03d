namespace VirtioGuest.Pci;

/// <summary>One range of ports or memory that a function decodes (PCI 3.0, 6.2.5.1).</summary>
public sealed class BaseAddressRegister
{
    internal BaseAddressRegister(int index, BaseAddressKind kind, bool isPrefetchable, ulong length, ulong address)
    {
        Index = index;
        Kind = kind;
        IsPrefetchable = isPrefetchable;
        Length = length;
        Address = address;
        IsAssigned = address != 0 && length - 1 <= LastAddress && address <= LastAddress - (length - 1);
    }

    /// <summary>The register's number, 0 to 5; a 64-bit register goes by the lower of its two.</summary>
    public int Index { get; }

    /// <summary>What it decodes.</summary>
    public BaseAddressKind Kind { get; }

    /// <summary>Whether it decodes I/O ports.</summary>
    public bool IsIo => Kind == BaseAddressKind.Io;

    /// <summary>Whether reading has no side effect, so that bridges may read ahead. Never true of ports.</summary>
    public bool IsPrefetchable { get; }

    /// <summary>How many bytes it decodes: a power of two, at least 4 for ports and 16 for memory.</summary>
    public ulong Length { get; }

    /// <summary>The first address on the bus; means nothing unless <see cref="IsAssigned"/>.</summary>
    public ulong Address { get; private set; }

    /// <summary>
    /// Whether <see cref="Address"/> is a place where the range can be reached. Address 0 never is, nor is a range that
    /// wraps around; <see cref="BaseAddressAssignment"/> also finds what a bridge does not forward.
    /// </summary>
    public bool IsAssigned { get; private set; }

    /// <summary>The last address that the register can express and the processor can reach.</summary>
    internal ulong LastAddress => Kind switch
    {
        BaseAddressKind.Io => ushort.MaxValue,
        BaseAddressKind.Memory32 => uint.MaxValue,
        _ => ulong.MaxValue,
    };

    /// <summary>Where the register is in configuration space.</summary>
    internal uint Offset => ConfigurationHeader.FirstBaseAddress + (uint)(4 * Index);

    /// <summary>Notes the address that the register was given.</summary>
    internal void Place(ulong address)
    {
        Address = address;
        IsAssigned = true;
    }

    /// <summary>Notes that the register's address is no place to reach it.</summary>
    internal void Unplace() => IsAssigned = false;
}
