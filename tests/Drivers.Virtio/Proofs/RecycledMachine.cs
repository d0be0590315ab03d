using VirtioGuest.Devices;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Simulation;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>A machine with <see cref="RecycledMemory"/> and one device behind registers.</summary>
internal sealed class RecycledMachine : Machine
{
    private const ulong Address = 0xFEB0_0000;
    private const byte Line = 5;

    private readonly SimulatedMachine _machine;

    public RecycledMachine(SimulatedMachine machine)
    {
        _machine = machine;
        Memory = new RecycledMemory(machine.Memory);
    }

    /// <summary>The memory.</summary>
    public RecycledMemory Memory { get; }

    /// <inheritdoc/>
    public override PortSpace Ports => _machine.Ports;

    /// <inheritdoc/>
    public override DmaTag Dma => Memory;

    /// <inheritdoc/>
    public override InterruptController Interrupts => _machine.Interrupts;

    /// <inheritdoc/>
    public override MonotonicClock Clock => _machine.Clock;

    /// <inheritdoc/>
    public override DeviceLog Log => _machine.Log;

    /// <inheritdoc/>
    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) =>
        _machine.MapMmio(physicalAddress, length);

    /// <summary>Attaches a device.</summary>
    /// <returns>The driver's way to it.</returns>
    public VirtioTransport Attach(VirtioDeviceModel model)
    {
        MmioRegion registers = new MmioDevice(model, new InterruptLine(_machine.Messages)).Registers;
        _machine.AddRegisters(Address, registers.Length, new Window(registers));
        return MmioTransport.TryCreate(this, Address, registers.Length, Line, out _)!;
    }

    private sealed class InterruptLine : InterruptOutput
    {
        private readonly SimulatedInterrupts _interrupts;

        public InterruptLine(SimulatedInterrupts interrupts)
        {
            _interrupts = interrupts;
        }

        public override void SendMessage(ulong address, uint data) => _interrupts.Send(address, data);

        public override void SetLine(bool isAsserted)
        {
            if (isAsserted)
            {
                _interrupts.RaiseLine(Line);
            }
            else
            {
                _interrupts.LowerLine(Line);
            }
        }
    }

    private sealed class Window : RegisterModel
    {
        private readonly MmioRegion _registers;

        public Window(MmioRegion registers)
        {
            _registers = registers;
        }

        public override uint Read(uint offset, uint width) => width switch
        {
            1 => _registers.Read8(offset),
            2 => _registers.Read16(offset),
            _ => _registers.Read32(offset),
        };

        public override void Write(uint offset, uint width, uint value)
        {
            switch (width)
            {
                case 1:
                    _registers.Write8(offset, (byte)value);
                    break;
                case 2:
                    _registers.Write16(offset, (ushort)value);
                    break;
                default:
                    _registers.Write32(offset, value);
                    break;
            }
        }
    }
}
