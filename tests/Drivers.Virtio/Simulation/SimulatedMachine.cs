using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>
/// A machine with one PCI function, whose interrupts are called at once and whose clock moves when looked at.
/// </summary>
internal sealed class SimulatedMachine : Machine, IDisposable
{
    public SimulatedMemory Memory { get; } = new SimulatedMemory();

    public SimulatedInterrupts Messages { get; } = new SimulatedInterrupts();

    public SimulatedClock Time { get; } = new SimulatedClock();

    public SimulatedLog Lines { get; } = new SimulatedLog();

    /// <summary>What answers to device registers.</summary>
    public SimulatedFunction? Function { get; set; }

    public override PortSpace Ports => throw new NotSupportedException("No port belongs to the device.");

    public override DmaTag Dma => Memory;

    public override InterruptController Interrupts => Messages;

    public override MonotonicClock Clock => Time;

    public override DeviceLog Log => Lines;

    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) =>
        Function == null ? null : new Window(Function, physicalAddress, length);

    public void Dispose() => Memory.Dispose();

    private sealed class Window : MmioRegion
    {
        private readonly SimulatedFunction _function;
        private readonly ulong _start;

        public Window(SimulatedFunction function, ulong start, uint length)
            : base(length)
        {
            _function = function;
            _start = start;
        }

        public override byte Read8(uint offset) => (byte)_function.ReadRegister(Place(offset, 1), 1);

        public override ushort Read16(uint offset) => (ushort)_function.ReadRegister(Place(offset, 2), 2);

        public override uint Read32(uint offset) => _function.ReadRegister(Place(offset, 4), 4);

        public override void Write8(uint offset, byte value) => _function.WriteRegister(Place(offset, 1), 1, value);

        public override void Write16(uint offset, ushort value) => _function.WriteRegister(Place(offset, 2), 2, value);

        public override void Write32(uint offset, uint value) => _function.WriteRegister(Place(offset, 4), 4, value);

        private ulong Place(uint offset, uint width)
        {
            if (offset > Length || width > Length - offset || (offset & (width - 1)) != 0)
            {
                throw new ArgumentOutOfRangeException(nameof(offset));
            }

            return _start + offset;
        }
    }
}
