using System;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>
/// A machine with one PCI function, whose interrupts are called at once and whose clock moves when looked at.
/// </summary>
internal sealed class SimulatedMachine : Machine, IDisposable
{
    public SimulatedDma Memory { get; init; } = new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = true });

    /// <summary>Called before each access to a register, so that a device can act there.</summary>
    public Action? BeforeRegister { get; set; }

    /// <summary>Called after each read of a register, likewise.</summary>
    public Action? AfterRead { get; set; }

    public SimulatedInterrupts Messages { get; } = new SimulatedInterrupts();

    public SimulatedClock Time { get; } = new SimulatedClock();

    public RecordingLog Lines { get; } = new RecordingLog();

    /// <summary>What answers to device registers.</summary>
    public SimulatedFunction? Function { get; set; }

    public override PortSpace Ports => throw new NotSupportedException("No port belongs to the device.");

    public override DmaTag Dma => Memory;

    public override InterruptController Interrupts => Messages;

    public override MonotonicClock Clock => Time;

    public override DeviceLog Log => Lines;

    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) =>
        Function == null ? null : new Window(this, Function, physicalAddress, length);

    public void Dispose() => Memory.Dispose();

    private sealed class Window : MmioRegion
    {
        private readonly SimulatedMachine _machine;
        private readonly SimulatedFunction _function;
        private readonly ulong _start;

        public Window(SimulatedMachine machine, SimulatedFunction function, ulong start, uint length)
            : base(length)
        {
            _machine = machine;
            _function = function;
            _start = start;
        }

        public override byte Read8(uint offset) => (byte)Read(offset, 1);

        public override ushort Read16(uint offset) => (ushort)Read(offset, 2);

        public override uint Read32(uint offset) => Read(offset, 4);

        public override void Write8(uint offset, byte value) => Write(offset, 1, value);

        public override void Write16(uint offset, ushort value) => Write(offset, 2, value);

        public override void Write32(uint offset, uint value) => Write(offset, 4, value);

        // A device answers one access at a time, whoever makes it. Where interrupts are calls, the callers take turns.
        private uint Read(uint offset, int width)
        {
            _machine.BeforeRegister?.Invoke();
            uint value;
            if (!_machine.Messages.IsQueued)
            {
                value = _function.ReadRegister(Place(offset, (uint)width), width);
            }
            else
            {
                lock (_function)
                {
                    value = _function.ReadRegister(Place(offset, (uint)width), width);
                }
            }

            _machine.AfterRead?.Invoke();
            return value;
        }

        private void Write(uint offset, int width, uint value)
        {
            _machine.BeforeRegister?.Invoke();
            if (!_machine.Messages.IsQueued)
            {
                _function.WriteRegister(Place(offset, (uint)width), width, value);
                return;
            }

            lock (_function)
            {
                _function.WriteRegister(Place(offset, (uint)width), width, value);
            }
        }

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
