using System.Threading;
using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The machine that drivers see in the unikernel: the hardware itself, reached through LibOS.</summary>
internal sealed class LibOsMachine : Hal.Machine
{
    private const ulong PageSize = 4096;

    private readonly LibOsPorts _ports = new();
    private readonly LibOsDmaTag _dma = new(ulong.MaxValue);
    private readonly LibOsInterruptController _interrupts;
    private readonly LibOsClock _clock = new();
    private readonly DeviceLog _log;

    /// <summary>Creates the machine.</summary>
    /// <param name="log">Where drivers report.</param>
    /// <param name="hasMessages">Whether there is a local APIC to send messages to.</param>
    public LibOsMachine(DeviceLog log, bool hasMessages)
    {
        _log = log;
        _interrupts = new LibOsInterruptController(hasMessages);
    }

    /// <inheritdoc/>
    public override PortSpace Ports => _ports;

    /// <inheritdoc/>
    public override DmaTag Dma => _dma;

    /// <inheritdoc/>
    public override InterruptController Interrupts => _interrupts;

    /// <inheritdoc/>
    public override MonotonicClock Clock => _clock;

    /// <inheritdoc/>
    public override DeviceLog Log => _log;

    /// <inheritdoc/>
    public override unsafe MmioRegion? MapMmio(ulong physicalAddress, uint length)
    {
        ulong offset = physicalAddress % PageSize;
        if (length == 0 || physicalAddress > ulong.MaxValue - length)
        {
            return null;
        }

        long mapped = LibOsCalls.MapMmio(physicalAddress - offset, length + offset);
        return LibOsError.IsError(mapped) ? null : new MappedRegion((byte*)mapped + offset, length);
    }
}

/// <summary>The calibrated timestamp counter.</summary>
internal sealed class LibOsClock : MonotonicClock
{
    private const ulong SpinNanoseconds = 1000;

    /// <inheritdoc/>
    public override ulong Nanoseconds => LibOsCalls.MonotonicNanoseconds();

    /// <inheritdoc/>
    /// <remarks>Spins for a microsecond, then lets every other thread that is ready run first.</remarks>
    public override void Relax()
    {
        ulong start = LibOsCalls.MonotonicNanoseconds();
        while (LibOsCalls.MonotonicNanoseconds() - start < SpinNanoseconds)
        {
            Thread.SpinWait(1);
        }

        Thread.Yield();
    }
}

/// <summary>The processor's own <c>in</c> and <c>out</c> instructions.</summary>
internal sealed class LibOsPorts : PortSpace
{
    /// <inheritdoc/>
    public override byte Read8(ushort port) => LibOsCalls.In8(port);

    /// <inheritdoc/>
    public override ushort Read16(ushort port) => LibOsCalls.In16(port);

    /// <inheritdoc/>
    public override uint Read32(ushort port) => LibOsCalls.In32(port);

    /// <inheritdoc/>
    public override void Write8(ushort port, byte value) => LibOsCalls.Out8(port, value);

    /// <inheritdoc/>
    public override void Write16(ushort port, ushort value) => LibOsCalls.Out16(port, value);

    /// <inheritdoc/>
    public override void Write32(ushort port, uint value) => LibOsCalls.Out32(port, value);
}
