namespace VirtioGuest.Hal;

/// <summary>All that a driver may ask of the machine that it runs on.</summary>
/// <remarks>
/// The unikernel implements it over LibOS, Cosmos over Cosmos.Core, and the host tests over a simulation. A driver
/// never names its machine.
/// </remarks>
public abstract class Machine
{
    /// <summary>The I/O ports.</summary>
    public abstract PortSpace Ports { get; }

    /// <summary>Memory for devices, on this machine's most general terms.</summary>
    public abstract DmaTag Dma { get; }

    /// <summary>Interrupts.</summary>
    public abstract InterruptController Interrupts { get; }

    /// <summary>Time.</summary>
    public abstract MonotonicClock Clock { get; }

    /// <summary>Where drivers report.</summary>
    public abstract DeviceLog Log { get; }

    /// <summary>Maps device registers.</summary>
    /// <param name="physicalAddress">Where they are on the bus; need not be aligned.</param>
    /// <param name="length">How many bytes, at least 1.</param>
    /// <returns>The window, or null where the machine cannot map it.</returns>
    public abstract MmioRegion? MapMmio(ulong physicalAddress, uint length);
}
