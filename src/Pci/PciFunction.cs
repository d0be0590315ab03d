using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Pci;

/// <summary>
/// A function that answered: its identity, what it decodes, its capabilities and its command register.
/// </summary>
/// <remarks>
/// What is read once (identity, base addresses, capability list) was read by <see cref="PciTopology.Discover"/>. The
/// object keeps no lock: whoever drives the function is the only one to change it.
/// </remarks>
public sealed class PciFunction
{
    private readonly ConfigurationAccess _configuration;
    private readonly BaseAddressRegister[] _baseAddresses;
    private readonly Capability[] _capabilities;
    private readonly ExtendedCapability[] _extendedCapabilities;

    internal PciFunction(ConfigurationAccess configuration, PciAddress address, PciFunction? upstream, DeviceLog log)
    {
        _configuration = configuration;
        Address = address;
        Upstream = upstream;

        VendorId = Read16(ConfigurationHeader.VendorId);
        DeviceId = Read16(ConfigurationHeader.DeviceId);
        RevisionId = Read8(ConfigurationHeader.RevisionId);
        ProgrammingInterface = Read8(ConfigurationHeader.ProgrammingInterface);
        Subclass = Read8(ConfigurationHeader.Subclass);
        BaseClass = Read8(ConfigurationHeader.BaseClass);
        HeaderLayout = (byte)(Read8(ConfigurationHeader.HeaderType) & ConfigurationHeader.LayoutMask);
        InterruptLine = Read8(ConfigurationHeader.InterruptLine);
        InterruptPin = Read8(ConfigurationHeader.InterruptPin);

        _capabilities = CapabilityList.Read(this);
        _extendedCapabilities = ExtendedCapabilityList.Read(this);
        ReadSubsystem(out ushort subsystemVendorId, out ushort subsystemId);
        SubsystemVendorId = subsystemVendorId;
        SubsystemId = subsystemId;
        _baseAddresses = BaseAddressSizing.Read(this, log);
        Bridge = HeaderLayout == ConfigurationHeader.BridgeLayout ? new PciBridge(this) : null;
    }

    /// <summary>Where it is.</summary>
    public PciAddress Address { get; }

    /// <summary>The bridge that it is behind; null on a root bus.</summary>
    public PciFunction? Upstream { get; }

    /// <summary>Who made it.</summary>
    public ushort VendorId { get; }

    /// <summary>Which of its maker's devices it is.</summary>
    public ushort DeviceId { get; }

    /// <summary>Its revision.</summary>
    public byte RevisionId { get; }

    /// <summary>Which register-level interface of its class it has.</summary>
    public byte ProgrammingInterface { get; }

    /// <summary>What it is within its base class.</summary>
    public byte Subclass { get; }

    /// <summary>What it is, broadly: 1 for storage, 2 for network, 6 for a bridge.</summary>
    public byte BaseClass { get; }

    /// <summary>Who made the board that it is on; 0 where nothing tells.</summary>
    public ushort SubsystemVendorId { get; }

    /// <summary>Which board it is on; 0 where nothing tells.</summary>
    public ushort SubsystemId { get; }

    /// <summary>The header's layout: 0 for a device, 1 for a PCI-to-PCI bridge, 2 for CardBus.</summary>
    public byte HeaderLayout { get; }

    /// <summary>The interrupt pin that it uses: 1 to 4 for INTA to INTD, 0 for none.</summary>
    public byte InterruptPin { get; }

    /// <summary>
    /// The line that firmware routed the pin to, 0 to 15 on a PC; 0 and 255 may also mean that nobody routed it.
    /// </summary>
    public byte InterruptLine { get; }

    /// <summary>The bus numbers and windows of a PCI-to-PCI bridge; null for any other function.</summary>
    public PciBridge? Bridge { get; }

    /// <summary>The ranges that it decodes, by register number. The expansion ROM is not among them.</summary>
    public ReadOnlySpan<BaseAddressRegister> BaseAddresses => _baseAddresses;

    /// <summary>Its capabilities, in the order of its list.</summary>
    public ReadOnlySpan<Capability> Capabilities => _capabilities;

    /// <summary>
    /// Its extended capabilities, in the order of their list; none where the way to configuration space does not reach
    /// them, or where the function has no PCI Express capability.
    /// </summary>
    public ReadOnlySpan<ExtendedCapability> ExtendedCapabilities => _extendedCapabilities;

    /// <summary>How many bytes of its configuration space are reached: 0x100 or 0x1000.</summary>
    public uint ConfigurationLength => _configuration.Length;

    /// <summary>Whether the function answers accesses to its I/O base addresses.</summary>
    /// <remarks>Turning it on lets the bridges above forward too.</remarks>
    public bool IoDecode
    {
        get => (Command & ConfigurationHeader.IoSpace) != 0;
        set => SetCommand(ConfigurationHeader.IoSpace, value, true);
    }

    /// <summary>Whether the function answers accesses to its memory base addresses.</summary>
    /// <remarks>Turning it on lets the bridges above forward too.</remarks>
    public bool MemoryDecode
    {
        get => (Command & ConfigurationHeader.MemorySpace) != 0;
        set => SetCommand(ConfigurationHeader.MemorySpace, value, true);
    }

    /// <summary>Whether the function may reach memory by itself and send messages.</summary>
    /// <remarks>Turning it on lets the bridges above forward too.</remarks>
    public bool BusMaster
    {
        get => (Command & ConfigurationHeader.BusMaster) != 0;
        set => SetCommand(ConfigurationHeader.BusMaster, value, true);
    }

    /// <summary>Whether the function is kept from using its interrupt pin (PCI 3.0, 6.2.2).</summary>
    public bool InterruptDisable
    {
        get => (Command & ConfigurationHeader.InterruptDisable) != 0;
        set => SetCommand(ConfigurationHeader.InterruptDisable, value, false);
    }

    /// <summary>Whether the function has an interrupt pending, be its pin disabled or not (PCI 3.0, 6.2.3).</summary>
    public bool InterruptStatus => (Read16(ConfigurationHeader.Status) & ConfigurationHeader.InterruptStatus) != 0;

    private ushort Command => Read16(ConfigurationHeader.Command);

    /// <summary>The range of one register.</summary>
    /// <param name="index">Any number, such as one that a device gave.</param>
    /// <returns>The range, or null where the function decodes none by that number.</returns>
    public BaseAddressRegister? BaseAddress(int index)
    {
        foreach (BaseAddressRegister register in _baseAddresses)
        {
            if (register.Index == index)
            {
                return register;
            }
        }

        return null;
    }

    /// <summary>The first capability of an ID, or null.</summary>
    public Capability? FindCapability(byte id)
    {
        foreach (Capability capability in _capabilities)
        {
            if (capability.Id == id)
            {
                return capability;
            }
        }

        return null;
    }

    /// <summary>The first extended capability of an ID, or null.</summary>
    public ExtendedCapability? FindExtendedCapability(ushort id)
    {
        foreach (ExtendedCapability capability in _extendedCapabilities)
        {
            if (capability.Id == id)
            {
                return capability;
            }
        }

        return null;
    }

    /// <summary>Makes a part of one range accessible.</summary>
    /// <param name="machine">Who maps it.</param>
    /// <param name="index">The register's number; any number, such as one that a device gave.</param>
    /// <param name="offset">The first byte within the range; any number.</param>
    /// <param name="length">How many bytes; any number.</param>
    /// <returns>
    /// Registers in memory or in ports, which answer once <see cref="MemoryDecode"/> or <see cref="IoDecode"/> is on;
    /// null where the range has no address, does not hold the part, or cannot be mapped.
    /// </returns>
    public MmioRegion? Map(Machine machine, int index, ulong offset, ulong length)
    {
        BaseAddressRegister? register = BaseAddress(index);
        if (register == null || !register.IsAssigned || length == 0 || length > uint.MaxValue
            || offset > register.Length || length > register.Length - offset)
        {
            return null;
        }

        ulong start = register.Address + offset;
        if (!register.IsIo)
        {
            return machine.MapMmio(start, (uint)length);
        }

        return start + length <= 0x10000 ? new PortRegion(machine.Ports, (ushort)start, (uint)length) : null;
    }

    /// <summary>
    /// Begins accesses to configuration space that no other thread's come between; see
    /// <see cref="ConfigurationAccess.BeginSequence"/>.
    /// </summary>
    public void BeginSequence() => _configuration.BeginSequence();

    /// <summary>Ends what <see cref="BeginSequence"/> began.</summary>
    public void EndSequence() => _configuration.EndSequence();

    /// <summary>Reads 8 bits of configuration space.</summary>
    public byte Read8(uint offset) => _configuration.Read8(Address, offset);

    /// <summary>Reads 16 bits of configuration space.</summary>
    public ushort Read16(uint offset) => _configuration.Read16(Address, offset);

    /// <summary>Reads 32 bits of configuration space.</summary>
    public uint Read32(uint offset) => _configuration.Read32(Address, offset);

    /// <summary>Writes 8 bits of configuration space.</summary>
    public void Write8(uint offset, byte value) => _configuration.Write8(Address, offset, value);

    /// <summary>Writes 16 bits of configuration space.</summary>
    public void Write16(uint offset, ushort value) => _configuration.Write16(Address, offset, value);

    /// <summary>Writes 32 bits of configuration space.</summary>
    public void Write32(uint offset, uint value) => _configuration.Write32(Address, offset, value);

    /// <summary>
    /// Silences a function that nobody drives: no bus mastering, no interrupt by pin or message.
    /// </summary>
    /// <remarks>
    /// What it decodes stays on, because the console or firmware may use it. A bridge keeps bus mastering, which is how
    /// the functions behind it reach memory, and only loses its own interrupts.
    /// </remarks>
    public void Quiesce()
    {
        // One write, and before the messages go off: a function without messages falls back to its pin.
        bool isBridge = BaseClass == PciClass.Bridge || HeaderLayout != ConfigurationHeader.DeviceLayout;
        uint command = Command | (uint)ConfigurationHeader.InterruptDisable;
        command &= isBridge ? uint.MaxValue : ~(uint)ConfigurationHeader.BusMaster;
        Write16(ConfigurationHeader.Command, (ushort)command);

        MsixTable.Disable(this);
        MsiCapability.Find(this)?.Disable();
    }

    /// <summary>Writes one base address while the function decodes nothing.</summary>
    /// <returns>Whether the register took the address; otherwise it is as it was.</returns>
    internal bool TryPlace(BaseAddressRegister register, ulong address)
    {
        ushort command = Command;
        Write16(ConfigurationHeader.Command, (ushort)(command & ~ConfigurationHeader.Decode));
        ulong before = ReadBaseAddress(register);
        WriteBaseAddress(register, address);
        bool isTaken = (ReadBaseAddress(register) & (register.IsIo ? ~3UL : ~15UL)) == address;
        if (isTaken)
        {
            register.Place(address);
        }
        else
        {
            WriteBaseAddress(register, before);
        }

        Write16(ConfigurationHeader.Command, command);
        return isTaken;
    }

    private ulong ReadBaseAddress(BaseAddressRegister register)
    {
        ulong value = Read32(register.Offset);
        return register.Kind == BaseAddressKind.Memory64 ? value | ((ulong)Read32(register.Offset + 4) << 32) : value;
    }

    private void WriteBaseAddress(BaseAddressRegister register, ulong value)
    {
        Write32(register.Offset, (uint)value);
        if (register.Kind == BaseAddressKind.Memory64)
        {
            Write32(register.Offset + 4, (uint)(value >> 32));
        }
    }

    private void SetCommand(ushort bit, bool value, bool withBridges)
    {
        ushort command = Command;
        ushort wanted = (ushort)(value ? command | bit : command & ~bit);
        if (wanted != command)
        {
            Write16(ConfigurationHeader.Command, wanted);
        }

        if (value && withBridges)
        {
            Upstream?.SetCommand(bit, true, true);
        }
    }

    private void ReadSubsystem(out ushort vendorId, out ushort id)
    {
        vendorId = 0;
        id = 0;
        if (HeaderLayout == ConfigurationHeader.DeviceLayout)
        {
            vendorId = Read16(ConfigurationHeader.SubsystemVendorId);
            id = Read16(ConfigurationHeader.SubsystemId);
            return;
        }

        Capability? capability = FindCapability(CapabilityId.BridgeSubsystem);
        if (capability != null && capability.Length >= 8)
        {
            vendorId = capability.Read16(4);
            id = capability.Read16(6);
        }
    }
}
