using System;
using Cosmos.Core;
using Cosmos.Core.Memory;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// Cosmos.Core as a platform. Each member is one call, with interrupts off where Cosmos changes in several steps what
/// interrupts change too.
/// </summary>
public sealed unsafe class CosmosPlatform : Platform
{
    /// <summary>A type that Cosmos itself does not use: its collector leaves such pages alone.</summary>
    private const RAT.PageType DevicePages = (RAT.PageType)200;

    /// <summary>One past the last address of a 32-bit processor.</summary>
    private const ulong AddressLimit = 1UL << 32;

    private readonly CosmosPorts _ports = new();
    private readonly DeviceLog _log;

    /// <summary>Drivers see Cosmos through this platform.</summary>
    /// <param name="log">Gets the lines that drivers print.</param>
    public CosmosPlatform(DeviceLog log)
    {
        _log = log;
    }

    /// <inheritdoc/>
    public override PortSpace Ports => _ports;

    /// <summary>
    /// Makes the machine ready for interrupts that come while Cosmos starts. For the constructor of a kernel.
    /// </summary>
    /// <remarks>
    /// Loads <see cref="ProcessorInterrupts.LoadEarlyTable">a table of interrupts</see> until Cosmos has one, and has
    /// Cosmos make its list of handlers. Otherwise Cosmos does that while the timer is ticking, and turns interrupts on
    /// before the list is in place. A tick at that moment ends in an exception and is never acknowledged, and no other
    /// interrupt comes after it.
    /// </remarks>
    public static void PrepareStart()
    {
        const byte Timer = 0;
        ProcessorInterrupts.LoadEarlyTable();
        INTs.SetIrqHandler(Timer, null);
    }

    /// <inheritdoc/>
    public override ulong Timestamp => CPU.GetCPUUptime();

    /// <inheritdoc/>
    public override byte* AllocatePages(uint count)
    {
        uint before = DisableInterrupts();
        byte* pages = (byte*)RAT.AllocPages(DevicePages, count);
        RestoreInterrupts(before);
        return pages;
    }

    /// <inheritdoc/>
    public override void FreePages(byte* pages)
    {
        uint before = DisableInterrupts();
        RAT.Free(pages);
        RestoreInterrupts(before);
    }

    /// <inheritdoc/>
    public override MmioRegion? MapRegisters(ulong physicalAddress, uint length) =>
        physicalAddress + length > AddressLimit ? null : new MappedRegion((byte*)(uint)physicalAddress, length);

    /// <inheritdoc/>
    public override void Connect(byte line, LineService service) =>
        INTs.SetIrqHandler(line, new CosmosLine(service).OnInterrupt);

    /// <inheritdoc/>
    public override void SetMask(byte line, bool isMasked)
    {
        uint before = DisableInterrupts();
        INTs.SetIRQMaskState(line, isMasked);
        RestoreInterrupts(before);
    }

    /// <inheritdoc/>
    public override uint DisableInterrupts() => ProcessorInterrupts.Disable();

    /// <inheritdoc/>
    public override void RestoreInterrupts(uint before) => ProcessorInterrupts.Restore(before);

    /// <inheritdoc/>
    public override void WriteLine(string text) => _log.Information(text);
}

/// <summary>The I/O ports, through Cosmos.Core.</summary>
public sealed class CosmosPorts : PortSpace
{
    /// <inheritdoc/>
    public override byte Read8(ushort port) => IOPort.Read8(port);

    /// <inheritdoc/>
    public override ushort Read16(ushort port) => IOPort.Read16(port);

    /// <inheritdoc/>
    public override uint Read32(ushort port) => IOPort.Read32(port);

    /// <inheritdoc/>
    public override void Write8(ushort port, byte value) => IOPort.Write8(port, value);

    /// <inheritdoc/>
    public override void Write16(ushort port, ushort value) => IOPort.Write16(port, value);

    /// <inheritdoc/>
    public override void Write32(ushort port, uint value) => IOPort.Write32(port, value);
}

/// <summary>A line's handler for Cosmos. One object per line, so that it need not ask which line was raised.</summary>
internal sealed class CosmosLine
{
    private readonly LineService _service;

    internal CosmosLine(LineService service)
    {
        _service = service;
    }

    internal void OnInterrupt(ref INTs.IRQContext context) => _service.OnLine();
}

internal sealed class ConsoleLog : DeviceLog
{
    public override void Information(string message) => Console.WriteLine(message);

    public override void Warning(string message) => Console.WriteLine("warning: " + message);
}
