namespace VirtioGuest.Pci;

/// <summary>
/// What a PCI-to-PCI bridge forwards (PCI-to-PCI Bridge Architecture 1.2, 3.2.5): a range of buses, and one window each
/// of ports, memory and prefetchable memory.
/// </summary>
public sealed class PciBridge
{
    private const uint IoGranularity = 0x1000;
    private const uint MemoryGranularity = 0x100000;

    private readonly PciFunction _function;

    internal PciBridge(PciFunction function)
    {
        _function = function;
    }

    /// <summary>The bus that the bridge is on, as its register says.</summary>
    public byte PrimaryBus => _function.Read8(ConfigurationHeader.PrimaryBus);

    /// <summary>The bus directly behind the bridge; 0 while it has no number.</summary>
    public byte SecondaryBus => _function.Read8(ConfigurationHeader.SecondaryBus);

    /// <summary>The last bus behind the bridge.</summary>
    public byte SubordinateBus => _function.Read8(ConfigurationHeader.SubordinateBus);

    /// <summary>The ports that are forwarded; empty where none are.</summary>
    public AddressRange IoWindow => Window(BridgeWindow.Io);

    /// <summary>The memory below 4 GiB that is forwarded; empty where none is.</summary>
    public AddressRange MemoryWindow => Window(BridgeWindow.Memory);

    /// <summary>The prefetchable memory that is forwarded; empty where none is.</summary>
    public AddressRange PrefetchableWindow => Window(BridgeWindow.Prefetchable);

    /// <summary>In what steps a window can be placed and sized.</summary>
    internal static ulong Granularity(BridgeWindow window) =>
        window == BridgeWindow.Io ? IoGranularity : MemoryGranularity;

    /// <summary>
    /// Says which buses are forwarded; all in one write, so that no other range is forwarded in between.
    /// </summary>
    /// <returns>
    /// Whether the bridge took the numbers that it forwards by; the primary number may be fixed.
    /// </returns>
    internal bool TryNumber(byte primary, byte secondary, byte subordinate)
    {
        uint numbers = primary | ((uint)secondary << 8) | ((uint)subordinate << 16);
        uint latencyTimer = _function.Read32(ConfigurationHeader.PrimaryBus) & 0xFF000000;
        _function.Write32(ConfigurationHeader.PrimaryBus, latencyTimer | numbers);
        return SecondaryBus == secondary && SubordinateBus == subordinate;
    }

    /// <summary>
    /// What a window forwards. Closed is a base above the limit; a base of 0 is what a bridge wakes up with, and counts
    /// as closed too.
    /// </summary>
    internal AddressRange Window(BridgeWindow window)
    {
        ulong start;
        ulong last;
        if (window == BridgeWindow.Io)
        {
            byte low = _function.Read8(ConfigurationHeader.IoBase);
            start = (low & 0xF0u) << 8;
            last = ((_function.Read8(ConfigurationHeader.IoLimit) & 0xF0u) << 8) | (IoGranularity - 1);
            if ((low & 0xF) == 1)
            {
                start |= (ulong)_function.Read16(ConfigurationHeader.IoBaseUpper) << 16;
                last |= (ulong)_function.Read16(ConfigurationHeader.IoLimitUpper) << 16;
            }
        }
        else
        {
            bool isMemory = window == BridgeWindow.Memory;
            ushort low = _function.Read16(BaseOffset(window));
            start = (low & 0xFFF0u) << 16;
            last = ((_function.Read16(BaseOffset(window) + 2) & 0xFFF0u) << 16) | (MemoryGranularity - 1);
            if (!isMemory && (low & 0xF) == 1)
            {
                start |= (ulong)_function.Read32(ConfigurationHeader.PrefetchableBaseUpper) << 32;
                last |= (ulong)_function.Read32(ConfigurationHeader.PrefetchableLimitUpper) << 32;
            }
        }

        return start == 0 || start > last ? default : new AddressRange(start, last - start + 1);
    }

    /// <summary>
    /// The last address that a window, open or closed by <see cref="Close"/>, can forward; 0 where the bridge lacks the
    /// window: its registers then read as 0 whatever is written.
    /// </summary>
    internal ulong Reach(BridgeWindow window)
    {
        if (window == BridgeWindow.Io)
        {
            return (_function.Read8(ConfigurationHeader.IoBase) & 0xF0) != 0 ? ushort.MaxValue : 0u;
        }

        if (window == BridgeWindow.Memory)
        {
            return uint.MaxValue;
        }

        ushort low = _function.Read16(ConfigurationHeader.PrefetchableBase);
        bool isPresent = (low & 0xFFF0) != 0 || _function.Read32(ConfigurationHeader.PrefetchableBaseUpper) != 0;
        ulong widest = (low & 0xF) == 1 ? ulong.MaxValue : uint.MaxValue;
        return isPresent ? widest : 0;
    }

    /// <summary>Stops forwarding through a window.</summary>
    internal void Close(BridgeWindow window)
    {
        // Base above limit, both in the first 4 GiB or 64 KiB.
        ulong top = window == BridgeWindow.Io ? 0xF000u : 0xFFF00000;
        Write(window, top, Granularity(window) - 1);
    }

    /// <summary>Forwards a range, which is placed and sized in steps of <see cref="Granularity"/>.</summary>
    /// <returns>Whether the bridge took it.</returns>
    internal bool TryOpen(BridgeWindow window, AddressRange range)
    {
        Write(window, range.Start, range.Last);
        AddressRange taken = Window(window);
        return taken.Start == range.Start && taken.Length == range.Length;
    }

    private static uint BaseOffset(BridgeWindow window) =>
        window == BridgeWindow.Memory ? ConfigurationHeader.MemoryBase : ConfigurationHeader.PrefetchableBase;

    /// <summary>Writes all registers of a window while the bridge forwards neither ports nor memory.</summary>
    private void Write(BridgeWindow window, ulong start, ulong last)
    {
        ushort command = _function.Read16(ConfigurationHeader.Command);
        _function.Write16(ConfigurationHeader.Command, (ushort)(command & ~ConfigurationHeader.Decode));
        if (window == BridgeWindow.Io)
        {
            _function.Write16(ConfigurationHeader.IoBaseUpper, (ushort)(start >> 16));
            _function.Write16(ConfigurationHeader.IoLimitUpper, (ushort)(last >> 16));
            _function.Write8(ConfigurationHeader.IoBase, (byte)((start >> 8) & 0xF0));
            _function.Write8(ConfigurationHeader.IoLimit, (byte)((last >> 8) & 0xF0));
        }
        else
        {
            if (window == BridgeWindow.Prefetchable)
            {
                _function.Write32(ConfigurationHeader.PrefetchableBaseUpper, (uint)(start >> 32));
                _function.Write32(ConfigurationHeader.PrefetchableLimitUpper, (uint)(last >> 32));
            }

            _function.Write16(BaseOffset(window), (ushort)((start >> 16) & 0xFFF0));
            _function.Write16(BaseOffset(window) + 2, (ushort)((last >> 16) & 0xFFF0));
        }

        _function.Write16(ConfigurationHeader.Command, command);
    }
}
