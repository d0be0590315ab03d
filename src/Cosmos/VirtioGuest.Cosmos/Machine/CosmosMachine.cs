using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>The machine that drivers see, over a <see cref="Platform"/>.</summary>
public sealed class CosmosMachine : Hal.Machine
{
    private readonly PageDma _dma;
    private readonly TimestampClock _clock;
    private readonly PlatformLog _log;

    /// <summary>Measures the rate of the platform's timestamp, which takes 10 ms.</summary>
    public CosmosMachine(Platform platform)
    {
        Platform = platform;
        _dma = new PageDma(platform);
        _clock = new TimestampClock(platform);
        _log = new PlatformLog(platform);
        Lines = new InterruptLines(platform, _clock, _log);
    }

    /// <inheritdoc/>
    public override PortSpace Ports => Platform.Ports;

    /// <inheritdoc/>
    public override DmaTag Dma => _dma;

    /// <inheritdoc/>
    public override InterruptController Interrupts => Lines;

    internal Platform Platform { get; }

    /// <summary>The interrupt lines; the same object as <see cref="Interrupts"/>.</summary>
    public InterruptLines Lines { get; }

    /// <inheritdoc/>
    public override MonotonicClock Clock => _clock;

    /// <inheritdoc/>
    public override DeviceLog Log => _log;

    /// <inheritdoc/>
    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) =>
        length == 0 || physicalAddress > ulong.MaxValue - length
            ? null
            : Platform.MapRegisters(physicalAddress, length);
}

internal sealed class PlatformLog : DeviceLog
{
    private readonly Platform _platform;

    internal PlatformLog(Platform platform)
    {
        _platform = platform;
    }

    public override void Information(string message) => _platform.WriteLine(message);

    public override void Warning(string message) => _platform.WriteLine("warning: " + message);
}
