using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>The machine that drivers see, over a <see cref="Platform"/>.</summary>
public sealed class CosmosMachine : Hal.Machine
{
    private readonly Platform _platform;
    private readonly PageDma _dma;
    private readonly TimestampClock _clock;
    private readonly PlatformLog _log;

    /// <summary>Covers a platform; measures how fast its timestamp goes, which takes 10 ms.</summary>
    public CosmosMachine(Platform platform)
    {
        _platform = platform;
        _dma = new PageDma(platform);
        _clock = new TimestampClock(platform);
        _log = new PlatformLog(platform);
        Lines = new InterruptLines(platform, _clock, _log);
    }

    /// <inheritdoc/>
    public override PortSpace Ports => _platform.Ports;

    /// <inheritdoc/>
    public override DmaTag Dma => _dma;

    /// <inheritdoc/>
    public override InterruptController Interrupts => Lines;

    /// <summary>The interrupts, as what they are here.</summary>
    public InterruptLines Lines { get; }

    /// <inheritdoc/>
    public override MonotonicClock Clock => _clock;

    /// <inheritdoc/>
    public override DeviceLog Log => _log;

    /// <inheritdoc/>
    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) =>
        length == 0 || physicalAddress > ulong.MaxValue - length
            ? null
            : _platform.MapRegisters(physicalAddress, length);
}
