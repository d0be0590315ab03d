using VirtioGuest.Hal;

namespace VirtioGuest.Pci;

/// <summary>
/// Configuration space in memory, the enhanced configuration access mechanism (PCI Express 3.0, 7.2.2): 4096 bytes of
/// each function, 1 MiB of each bus. An access is a single step.
/// </summary>
public sealed class EcamAccess : ConfigurationAccess
{
    /// <summary>How many bytes of memory each bus takes.</summary>
    public const uint BusLength = 1 << 20;

    private const uint FunctionLength = 0x1000;
    private const int BusShift = 20;
    private const int DeviceShift = 15;
    private const int FunctionShift = 12;
    private const int Devices = 32;

    private readonly MmioRegion _window;

    private EcamAccess(MmioRegion window, ushort segment, byte firstBus, byte lastBus)
        : base(segment, firstBus, lastBus, FunctionLength)
    {
        _window = window;
    }

    /// <summary>Maps a window that firmware told of.</summary>
    /// <param name="machine">Who maps it.</param>
    /// <param name="baseAddress">
    /// Where bus 0 of the segment group would be, whatever the first bus is (PCI Firmware 3.2, 4.1.2).
    /// </param>
    /// <param name="segment">The segment group.</param>
    /// <param name="firstBus">The first bus that is reached.</param>
    /// <param name="lastBus">The last bus that is reached.</param>
    /// <returns>Null where the window makes no sense or cannot be mapped.</returns>
    public static EcamAccess? TryCreate(
        Machine machine, ulong baseAddress, ushort segment, byte firstBus, byte lastBus)
    {
        if (lastBus < firstBus || baseAddress == 0 || (baseAddress & (BusLength - 1)) != 0
            || baseAddress > ulong.MaxValue - (((ulong)lastBus + 1) * BusLength))
        {
            return null;
        }

        uint length = ((uint)lastBus - firstBus + 1) * BusLength;
        MmioRegion? window = machine.MapMmio(baseAddress + ((ulong)firstBus * BusLength), length);
        return window == null ? null : new EcamAccess(window, segment, firstBus, lastBus);
    }

    /// <summary>
    /// Whether the window shows what it should: on its first bus something answers, and what another mechanism sees
    /// there looks the same.
    /// </summary>
    /// <param name="other">Another way to the same bus; null where the machine has none.</param>
    public bool IsSane(ConfigurationAccess? other)
    {
        bool answers = false;
        for (byte device = 0; device < Devices; device++)
        {
            PciAddress address = new PciAddress(Segment, FirstBus, device, 0);
            uint identity = Read32(address, ConfigurationHeader.VendorId);
            bool isPresent = IsPresent(identity);
            answers |= isPresent;
            if (other != null)
            {
                uint seen = other.Read32(address, ConfigurationHeader.VendorId);
                if (IsPresent(seen) != isPresent || (isPresent && seen != identity))
                {
                    return false;
                }
            }
        }

        return answers;
    }

    /// <inheritdoc/>
    protected override byte ReadByte(PciAddress address, uint offset) => _window.Read8(Place(address, offset));

    /// <inheritdoc/>
    protected override ushort ReadWord(PciAddress address, uint offset) => _window.Read16(Place(address, offset));

    /// <inheritdoc/>
    protected override uint ReadDoubleWord(PciAddress address, uint offset) => _window.Read32(Place(address, offset));

    /// <inheritdoc/>
    protected override void WriteByte(PciAddress address, uint offset, byte value) =>
        _window.Write8(Place(address, offset), value);

    /// <inheritdoc/>
    protected override void WriteWord(PciAddress address, uint offset, ushort value) =>
        _window.Write16(Place(address, offset), value);

    /// <inheritdoc/>
    protected override void WriteDoubleWord(PciAddress address, uint offset, uint value) =>
        _window.Write32(Place(address, offset), value);

    private static bool IsPresent(uint identity) => (ushort)identity is not 0x0000 and not 0xFFFF;

    private uint Place(PciAddress address, uint offset) =>
        (((uint)address.Bus - FirstBus) << BusShift) | ((uint)address.Device << DeviceShift)
        | ((uint)address.Function << FunctionShift) | offset;
}
