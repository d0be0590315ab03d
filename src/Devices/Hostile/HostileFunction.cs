using VirtioGuest.Devices.Pci;

namespace VirtioGuest.Devices.Hostile;

/// <summary>A PCI function whose reads lie; behind it is an honest one, which takes what the guest writes.</summary>
public sealed class HostileFunction : IBusFunction
{
    private const int SpaceLength = 0x1000;
    private const uint HeaderLength = 0x40;

    private readonly PciDeviceFunction _function;
    private readonly CapabilityForgery? _capabilities;
    private readonly InterruptStorm _storm;

    /// <summary>Puts lies in front of a function.</summary>
    /// <param name="function">The function; its output may be a <see cref="HostileOutput"/>.</param>
    /// <param name="random">What its choices are drawn from.</param>
    /// <param name="hostility">In what it is hostile.</param>
    public HostileFunction(PciDeviceFunction function, SeededRandom random, Hostility hostility)
    {
        _function = function;
        LieMaker lies = new LieMaker(random, hostility);
        Header = lies.OfHeader();
        Structures = lies.OfStructures(function.Model.ConfigurationLength);
        Vectors = lies.OfVectors();
        _storm = new InterruptStorm(function, random, hostility);
        if ((hostility & Hostility.Capabilities) != 0)
        {
            byte[] truth = new byte[SpaceLength];
            for (uint i = 0; i < SpaceLength; i++)
            {
                truth[i] = (byte)function.ReadConfiguration(i, 1);
            }

            _capabilities = new CapabilityForgery(random, truth);
        }
    }

    /// <summary>What the header of configuration space lies about.</summary>
    public LyingRegisters Header { get; }

    /// <summary>
    /// What the range with the structures lies about: the common configuration at 0, the ISR status at 0x1000, the
    /// device-specific configuration at 0x2000.
    /// </summary>
    public LyingRegisters Structures { get; }

    /// <summary>What the range with the vectors lies about.</summary>
    public LyingRegisters Vectors { get; }

    /// <inheritdoc/>
    public uint ReadConfiguration(uint offset, int width)
    {
        uint truth = _function.ReadConfiguration(offset, width);
        truth = _capabilities == null ? truth : _capabilities.Read(offset, width, truth);
        return offset < HeaderLength ? Header.Read(offset, width, truth) : truth;
    }

    /// <inheritdoc/>
    public void WriteConfiguration(uint offset, int width, uint value) =>
        _function.WriteConfiguration(offset, width, value);

    /// <inheritdoc/>
    public int? Decode(ulong address, out ulong offset) => _function.Decode(address, out offset);

    /// <inheritdoc/>
    public uint ReadBar(int index, ulong offset, int width)
    {
        _storm.OnAccess();
        uint truth = _function.ReadBar(index, offset, width);
        return index switch
        {
            PciFunctionLayout.StructuresBar => Structures.Read(offset, width, truth),
            PciFunctionLayout.VectorsBar => Vectors.Read(offset, width, truth),
            _ => truth,
        };
    }

    /// <inheritdoc/>
    public void WriteBar(int index, ulong offset, int width, uint value)
    {
        _function.WriteBar(index, offset, width, value);
        _storm.OnAccess();
    }
}
