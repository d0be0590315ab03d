namespace VirtioGuest.Pci;

/// <summary>A function's message-signalled interrupt (PCI 3.0, 6.8.1), of which one message is used.</summary>
public sealed class MsiCapability
{
    private const uint ControlOffset = 2;
    private const uint AddressOffset = 4;

    private const ushort Enabled = 1 << 0;
    private const ushort MultipleEnableMask = 7 << 4;
    private const ushort Wide = 1 << 7;
    private const ushort Maskable = 1 << 8;

    private readonly Capability _capability;
    private readonly bool _isMaskable;

    private MsiCapability(Capability capability, bool is64Bit, bool isMaskable)
    {
        _capability = capability;
        Is64Bit = is64Bit;
        _isMaskable = isMaskable;
    }

    /// <summary>Whether the message may go above 4 GiB.</summary>
    public bool Is64Bit { get; }

    /// <summary>Whether the function signals by message; its interrupt pin is then silent.</summary>
    public bool IsEnabled => (_capability.Read16(ControlOffset) & Enabled) != 0;

    private uint DataOffset => Is64Bit ? 12u : 8u;

    private uint MaskOffset => DataOffset + 4;

    /// <summary>The MSI capability of a function, or null where it has none that lies within its space.</summary>
    public static MsiCapability? Find(PciFunction function)
    {
        Capability? capability = function.FindCapability(CapabilityId.Msi);
        if (capability == null || capability.Length < AddressOffset)
        {
            return null;
        }

        ushort control = capability.Read16(ControlOffset);
        MsiCapability msi = new MsiCapability(capability, (control & Wide) != 0, (control & Maskable) != 0);
        uint needed = msi._isMaskable ? msi.MaskOffset + 8 : msi.DataOffset + 2;
        return needed <= capability.Length ? msi : null;
    }

    /// <summary>Lets the function signal by one message.</summary>
    /// <param name="address">Where the function writes, a multiple of 4.</param>
    /// <param name="data">What it writes; 16 bits at most.</param>
    /// <returns>
    /// Whether the device took it; if not, MSI is off. Messages also need <see cref="PciFunction.BusMaster"/>.
    /// </returns>
    public bool TryEnable(ulong address, uint data)
    {
        Disable();
        if ((address & 3) != 0 || data > ushort.MaxValue || (!Is64Bit && address > uint.MaxValue))
        {
            return false;
        }

        _capability.Write32(AddressOffset, (uint)address);
        bool taken = _capability.Read32(AddressOffset) == (uint)address;
        if (Is64Bit)
        {
            _capability.Write32(AddressOffset + 4, (uint)(address >> 32));
            taken &= _capability.Read32(AddressOffset + 4) == (uint)(address >> 32);
        }

        _capability.Write16(DataOffset, (ushort)data);
        taken &= _capability.Read16(DataOffset) == (ushort)data;
        if (_isMaskable)
        {
            _capability.Write32(MaskOffset, _capability.Read32(MaskOffset) & ~1u);
        }

        if (!taken)
        {
            return false;
        }

        ushort control = _capability.Read16(ControlOffset);
        _capability.Write16(ControlOffset, (ushort)((control & ~MultipleEnableMask) | Enabled));
        return IsEnabled;
    }

    /// <summary>Stops signalling by message; the pin is no longer silenced.</summary>
    public void Disable()
    {
        ushort control = _capability.Read16(ControlOffset);
        _capability.Write16(ControlOffset, (ushort)(control & ~Enabled));
    }
}
