using System;
using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>A machine in this process: what drivers ask of theirs, answered by device models.</summary>
public sealed class SimulatedMachine : Machine, IDisposable
{
    private readonly List<RegisterRange> _registers = [];
    private PortSpace _ports = new EmptyPorts();

    /// <summary>Creates a machine.</summary>
    /// <param name="memory">Its memory, which it disposes of; null for plain coherent memory.</param>
    public SimulatedMachine(SimulatedDma? memory = null)
    {
        Memory = memory ?? new SimulatedDma();
    }

    /// <summary>The memory.</summary>
    public SimulatedDma Memory { get; }

    /// <summary>The interrupts.</summary>
    public SimulatedInterrupts Messages { get; } = new SimulatedInterrupts();

    /// <summary>The time.</summary>
    public SimulatedClock Time { get; } = new SimulatedClock();

    /// <summary>What drivers said.</summary>
    public RecordingLog Lines { get; } = new RecordingLog();

    /// <inheritdoc/>
    public override PortSpace Ports => _ports;

    /// <inheritdoc/>
    public override DmaTag Dma => Memory;

    /// <inheritdoc/>
    public override InterruptController Interrupts => Messages;

    /// <inheritdoc/>
    public override MonotonicClock Clock => Time;

    /// <inheritdoc/>
    public override DeviceLog Log => Lines;

    /// <summary>Puts a port space in place of the empty one.</summary>
    public void UsePorts(PortSpace ports) => _ports = ports;

    /// <summary>Lets a model answer at a place on the bus, in front of those that were added before.</summary>
    /// <param name="physicalAddress">Its first byte.</param>
    /// <param name="length">Its size in bytes, at least 1.</param>
    /// <param name="model">What answers.</param>
    public void AddRegisters(ulong physicalAddress, ulong length, RegisterModel model) =>
        _registers.Insert(0, new RegisterRange(physicalAddress, length, model));

    /// <summary>Takes every range of a model off the bus.</summary>
    public void RemoveRegisters(RegisterModel model) => _registers.RemoveAll(range => range.Model == model);

    /// <inheritdoc/>
    /// <remarks>Any place can be mapped; who answers there is looked up at each access, so models may move.</remarks>
    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) =>
        length == 0 || physicalAddress > ulong.MaxValue - length
            ? null
            : new SimulatedRegisters(this, physicalAddress, length);

    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();

    /// <summary>Who answers an access, and at which of its offsets.</summary>
    internal RegisterModel? FindRegisters(ulong address, uint width, out uint place)
    {
        foreach (RegisterRange range in _registers)
        {
            if (address >= range.Start && address - range.Start < range.Length
                && width <= range.Length - (address - range.Start))
            {
                place = (uint)(address - range.Start);
                return range.Model;
            }
        }

        place = 0;
        return null;
    }
}
