using System;
using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// A machine's memory that was in use before: zeroed by the processor, as <see cref="DmaTag"/> promises, but where
/// there is a cache that may be all that knows of it. It notes which place of the driver makes which hand-over.
/// </summary>
internal sealed unsafe class RecycledMemory : DmaTag
{
    /// <summary>
    /// What the memory held. As flags of a packed descriptor it says available; as event
    /// suppression it says nothing in either format.
    /// </summary>
    private const ushort LeftOver = 0x5BD9;

    private readonly SimulatedDma _dma;
    private readonly List<DmaMemory> _handedOut = new List<DmaMemory>();

    public RecycledMemory(SimulatedDma dma)
    {
        _dma = dma;
    }

    /// <summary>
    /// Whether the driver is told that any two bytes may have different owners, although a line holds more.
    /// </summary>
    public bool HidesItsLines { get; init; }

    /// <summary>Called before each hand-over.</summary>
    public Action BeforeHandOver { get; set; } = () => { };

    /// <summary>
    /// Called at each hand-over with the processor's address of its first byte, its length, and what it is.
    /// </summary>
    public Action<nuint, uint, DmaSync> OnHandOver { get; set; } = (_, _, _) => { };

    /// <summary>What each place did that was come by.</summary>
    public Dictionary<AccessSite, DmaSync> Operations { get; } = new Dictionary<AccessSite, DmaSync>();

    /// <inheritdoc/>
    public override uint HandOverGranularity => HidesItsLines ? 1 : _dma.HandOverGranularity;

    /// <inheritdoc/>
    public override DmaMemory? Allocate(uint length, DmaConstraints constraints)
    {
        DmaMemory? memory = _dma.Allocate(length, constraints);
        if (memory == null || memory.IsCoherent)
        {
            return memory;
        }

        new Span<ushort>(_dma.DeviceView(memory.DeviceAddress, length), (int)length / 2).Fill(LeftOver);
        for (uint i = 0; i < length; i++)
        {
            memory.Store8(i, 0);
        }

        _handedOut.Add(memory);
        return new Observed(memory, this);
    }

    /// <summary>Whether the processor has an address in memory that was allocated here, and is not coherent.</summary>
    public bool Holds(nuint address)
    {
        foreach (DmaMemory memory in _handedOut)
        {
            if (address - (nuint)memory.Address < memory.Length)
            {
                return true;
            }
        }

        return false;
    }

    /// <inheritdoc/>
    public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) => _dma.CreateMap(limits, bounce);

    private sealed class Observed : DmaMemory
    {
        private readonly DmaMemory _memory;
        private readonly RecycledMemory _owner;

        public Observed(DmaMemory memory, RecycledMemory owner)
            : base(memory.Address, memory.DeviceAddress, memory.Length, memory.IsCoherent)
        {
            _memory = memory;
            _owner = owner;
        }

        public override void Free() => _memory.Free();

        public override void Quarantine() => _memory.Quarantine();

        protected override void SyncNonCoherent(uint offset, uint length, DmaSync operation, AccessSite site)
        {
            _owner.Operations[site] = operation;
            _owner.BeforeHandOver();
            _owner.OnHandOver((nuint)Address + offset, length, operation);
            _memory.Sync(offset, length, operation, site);
        }
    }
}
