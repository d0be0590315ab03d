using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;
using SimulatedInterrupts = VirtioGuest.Drivers.Virtio.Tests.Simulation.SimulatedInterrupts;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>A machine with blocks of registers at addresses; interrupts are called at once.</summary>
internal sealed class RegisterMachine : Machine, IDisposable
{
    private readonly List<(ulong Start, ulong Length, RegisterBlock Block)> _blocks = new();

    public SimulatedDma Memory { get; } = new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = true });

    public SimulatedInterrupts Messages { get; } = new SimulatedInterrupts();

    public SimulatedClock Time { get; } = new SimulatedClock();

    public RecordingLog Lines { get; } = new RecordingLog();

    /// <summary>The last byte that can be mapped.</summary>
    public ulong LastMappable { get; set; } = ulong.MaxValue;

    public override PortSpace Ports { get; } = new AbsentPorts();

    public override DmaTag Dma => Memory;

    public override InterruptController Interrupts => Messages;

    public override MonotonicClock Clock => Time;

    public override DeviceLog Log => Lines;

    public void Add(ulong start, ulong length, RegisterBlock block) => _blocks.Add((start, length, block));

    public override MmioRegion? MapMmio(ulong physicalAddress, uint length)
    {
        foreach ((ulong start, ulong size, RegisterBlock block) in _blocks)
        {
            if (physicalAddress >= start && physicalAddress + length <= start + size)
            {
                return physicalAddress + length - 1 <= LastMappable
                    ? new Window(block, physicalAddress - start, length)
                    : null;
            }
        }

        return null;
    }

    public void Dispose() => Memory.Dispose();

    /// <summary>Ports at which nothing answers.</summary>
    private sealed class AbsentPorts : PortSpace
    {
        public override byte Read8(ushort port) => byte.MaxValue;

        public override ushort Read16(ushort port) => ushort.MaxValue;

        public override uint Read32(ushort port) => uint.MaxValue;

        public override void Write8(ushort port, byte value)
        {
        }

        public override void Write16(ushort port, ushort value)
        {
        }

        public override void Write32(ushort port, uint value)
        {
        }
    }

    private sealed class Window(RegisterBlock block, ulong start, uint length) : MmioRegion(length)
    {
        public override byte Read8(uint offset) => (byte)block.Read(Place(offset, 1), 1);

        public override ushort Read16(uint offset) => (ushort)block.Read(Place(offset, 2), 2);

        public override uint Read32(uint offset) => block.Read(Place(offset, 4), 4);

        public override void Write8(uint offset, byte value) => block.Write(Place(offset, 1), 1, value);

        public override void Write16(uint offset, ushort value) => block.Write(Place(offset, 2), 2, value);

        public override void Write32(uint offset, uint value) => block.Write(Place(offset, 4), 4, value);

        private ulong Place(uint offset, uint width)
        {
            if (offset > Length || width > Length - offset || (offset & (width - 1)) != 0)
            {
                throw new ArgumentOutOfRangeException(nameof(offset));
            }

            return start + offset;
        }
    }
}
