using System;
using System.Collections.Generic;
using System.Threading;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Simulation;

/// <summary>A machine in this process: what drivers ask of theirs, answered by device models.</summary>
public sealed class SimulatedMachine : Machine, IDisposable
{
    /// <summary>Where base addresses of functions on <see cref="Bus"/> are placed.</summary>
    public const ulong PciWindow = 0xE000_0000;

    private const uint PciWindowLength = 0x1000_0000;
    private const ulong PortWindow = 0xC000;
    private const ulong PortWindowLength = 0x1000;

    private readonly List<(ulong Start, MmioRegion Registers)> _registers = [];
    private PortSpace _ports = new EmptyPorts();
    private DmaTag _dma;

    /// <param name="memory">Its memory, which it disposes of; null for plain coherent memory.</param>
    public SimulatedMachine(SimulatedDma? memory = null)
    {
        Memory = memory ?? new SimulatedDma();
        _dma = Memory;
        AddRegisters(PciWindow, Bus.MapMmio(PciWindow, PciWindowLength));
    }

    /// <summary>The memory.</summary>
    public SimulatedDma Memory { get; }

    /// <summary>The interrupts.</summary>
    public SimulatedInterrupts Messages { get; } = new SimulatedInterrupts();

    /// <summary>The time.</summary>
    public SimulatedClock Time { get; } = new SimulatedClock();

    /// <summary>What drivers said.</summary>
    public RecordingLog Lines { get; } = new RecordingLog();

    /// <summary>The PCI bus.</summary>
    public PciBus Bus { get; } = new PciBus();

    /// <summary>The last physical address that can be mapped.</summary>
    public ulong LastMappable { get; set; } = ulong.MaxValue;

    /// <summary>Called before each access to a register, so that a device can act there.</summary>
    public Action? BeforeRegister { get; set; }

    /// <summary>Called after each read of a register, likewise.</summary>
    public Action? AfterRead { get; set; }

    /// <inheritdoc/>
    public override PortSpace Ports => _ports;

    /// <inheritdoc/>
    public override DmaTag Dma => _dma;

    /// <inheritdoc/>
    public override InterruptController Interrupts => Messages;

    /// <inheritdoc/>
    public override MonotonicClock Clock => Time;

    /// <inheritdoc/>
    public override DeviceLog Log => Lines;

    /// <summary>Puts a port space in place of the empty one.</summary>
    public void UsePorts(PortSpace ports) => _ports = ports;

    /// <summary>Gives drivers other memory than <see cref="Memory"/>.</summary>
    public void UseDma(DmaTag dma) => _dma = dma;

    /// <summary>Lets registers answer at a physical address, in front of those that were added before.</summary>
    public void AddRegisters(ulong physicalAddress, MmioRegion registers) =>
        _registers.Insert(0, (physicalAddress, registers));

    /// <summary>Takes registers off every place that they answer at.</summary>
    public void RemoveRegisters(MmioRegion registers) => _registers.RemoveAll(each => each.Registers == registers);

    /// <summary>Puts a function on <see cref="Bus"/> and places its base addresses, as firmware does.</summary>
    /// <param name="function">What answers there.</param>
    /// <param name="device">Its device number, that nobody has.</param>
    /// <param name="isPlaced">Whether its base addresses are placed; some firmware leaves that to the guest.</param>
    /// <returns>The function as enumeration finds it.</returns>
    public PciFunction Plug(IBusFunction function, byte device = 4, bool isPlaced = true)
    {
        Bus.Add(device, function);
        PciTopology topology = PciTopology.Discover(Bus, Log);
        if (isPlaced)
        {
            BaseAddressAssignment assignment = new BaseAddressAssignment(Log);
            assignment.AddMemoryWindow(new AddressRange(PciWindow, PciWindowLength));
            assignment.AddIoWindow(new AddressRange(PortWindow, PortWindowLength));
            assignment.Assign(topology);
        }

        return topology.Find(new PciAddress(0, 0, device, 0))
            ?? throw new ArgumentException("The function does not show up on the bus.", nameof(function));
    }

    /// <summary>Does something as a device on a thread of its own: no register is accessed meanwhile.</summary>
    /// <remarks>Only where interrupts are queued; else there is one thread, and nothing to keep apart.</remarks>
    public void ActAsDevice(Action action)
    {
        ArgumentNullException.ThrowIfNull(action);
        lock (_registers)
        {
            action();
        }
    }

    /// <inheritdoc/>
    /// <remarks>
    /// Any place up to <see cref="LastMappable"/> can be mapped: each access looks up who answers, so registers may
    /// move.
    /// </remarks>
    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) =>
        length == 0 || physicalAddress > LastMappable || length - 1 > LastMappable - physicalAddress
            ? null
            : new Window(this, physicalAddress, length);

    /// <inheritdoc/>
    public void Dispose() => Memory.Dispose();

    private MmioRegion? Find(ulong address, int width, out uint offset)
    {
        foreach ((ulong start, MmioRegion registers) in _registers)
        {
            ulong inside = address - start;
            if (address >= start && inside < registers.Length && (uint)width <= registers.Length - inside)
            {
                offset = (uint)inside;
                return registers;
            }
        }

        offset = 0;
        return null;
    }

    /// <summary>
    /// A window on the bus. Where nobody answers, reads have all bits set and writes are lost, as on a real bus.
    /// </summary>
    /// <remarks>
    /// A device answers one access at a time, whoever makes it. Where interrupts are calls, there is one thread only.
    /// </remarks>
    private sealed class Window(SimulatedMachine machine, ulong start, uint length) : RegisterWindow(length)
    {
        protected override uint Read(uint offset, int width)
        {
            machine.BeforeRegister?.Invoke();
            bool isLocked = Enter();
            MmioRegion? registers = machine.Find(start + offset, width, out uint place);
            uint value = registers is null ? uint.MaxValue : Read(registers, place, width);
            Leave(isLocked);
            machine.AfterRead?.Invoke();
            return value;
        }

        protected override void Write(uint offset, int width, uint value)
        {
            machine.BeforeRegister?.Invoke();
            bool isLocked = Enter();
            if (machine.Find(start + offset, width, out uint place) is MmioRegion registers)
            {
                Write(registers, place, width, value);
            }

            Leave(isLocked);
        }

        private bool Enter()
        {
            bool isLocked = machine.Messages.IsQueued;
            if (isLocked)
            {
                Monitor.Enter(machine._registers);
            }

            return isLocked;
        }

        private void Leave(bool isLocked)
        {
            if (isLocked)
            {
                Monitor.Exit(machine._registers);
            }
        }
    }

    /// <summary>Ports where nobody answers.</summary>
    private sealed class EmptyPorts : PortSpace
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
}

/// <summary>Time that passes when a test says so, and a little whenever somebody waits.</summary>
public sealed class SimulatedClock : MonotonicClock
{
    private ulong _now = 1000;

    /// <summary>Called whenever somebody looks at the time.</summary>
    public Action? OnLook { get; set; }

    /// <inheritdoc/>
    public override ulong Nanoseconds
    {
        get
        {
            OnLook?.Invoke();
            return _now;
        }
    }

    /// <summary>How many nanoseconds pass while somebody waits; 0 for a clock that only the test moves.</summary>
    public ulong RelaxStep { get; set; } = 1000;

    /// <summary>How often somebody has waited.</summary>
    public ulong Waits { get; private set; }

    /// <summary>Lets time pass.</summary>
    public void Advance(ulong nanoseconds) => _now += nanoseconds;

    /// <inheritdoc/>
    public override void Relax()
    {
        Waits++;
        _now += RelaxStep;
    }
}

/// <summary>Keeps what drivers say.</summary>
public sealed class RecordingLog : DeviceLog
{
    /// <summary>What was worth knowing, in order.</summary>
    public List<string> Notices { get; } = [];

    /// <summary>What works less well than it should, in order.</summary>
    public List<string> Warnings { get; } = [];

    /// <summary>What happens while a warning is given.</summary>
    public Action<string>? Warned { get; set; }

    /// <summary>Whether a warning has some words, whoever warns meanwhile.</summary>
    public bool HasWarned(string words)
    {
        lock (Warnings)
        {
            return Warnings.Exists(line => line.Contains(words, StringComparison.Ordinal));
        }
    }

    /// <inheritdoc/>
    public override void Information(string message)
    {
        lock (Notices)
        {
            Notices.Add(message);
        }
    }

    /// <inheritdoc/>
    public override void Warning(string message)
    {
        lock (Warnings)
        {
            Warnings.Add(message);
        }

        Warned?.Invoke(message);
    }
}
