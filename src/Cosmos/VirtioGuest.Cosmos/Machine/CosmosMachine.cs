using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>The machine that drivers see, over a <see cref="Platform"/>.</summary>
public sealed class CosmosMachine : Hal.Machine
{
    private readonly PageDma _dma;
    private readonly TimestampClock _clock;
    private readonly PlatformLog _log;

    /// <summary>Covers a platform; measures how fast its timestamp goes, which takes 10 ms.</summary>
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

    /// <summary>The platform below.</summary>
    internal Platform Platform { get; }

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
            : Platform.MapRegisters(physicalAddress, length);
}

/// <summary>Puts what drivers say on the console.</summary>
internal sealed class PlatformLog : DeviceLog
{
    private readonly Platform _platform;

    /// <summary>Uses a platform's console.</summary>
    internal PlatformLog(Platform platform)
    {
        _platform = platform;
    }

    public override void Information(string message) => _platform.WriteLine(message);

    public override void Warning(string message) => _platform.WriteLine("warning: " + message);
}
