using System;
using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Pci;

/// <summary>
/// A root bus with device functions on it: the configuration access and the device registers that a simulated machine
/// offers to drivers.
/// </summary>
public sealed class PciBus : ConfigurationAccess
{
    private readonly Dictionary<byte, IBusFunction> _functions = new Dictionary<byte, IBusFunction>();

    /// <summary>Creates an empty bus 0 of segment 0.</summary>
    /// <param name="hasExtendedSpace">Whether 0x1000 bytes of each function are reached, and not only 0x100.</param>
    /// <param name="absent">What is read where nobody answers: all ones on a real bus.</param>
    public PciBus(bool hasExtendedSpace = false, uint absent = uint.MaxValue)
        : base(0, 0, 0, hasExtendedSpace ? 0x1000u : 0x100)
    {
        Absent = absent;
    }

    /// <summary>What is read where nobody answers.</summary>
    public uint Absent { get; }

    /// <summary>How many sequences of accesses the driver is in; 0 for none.</summary>
    public int Sequences { get; private set; }

    /// <inheritdoc/>
    public override void BeginSequence() => Sequences++;

    /// <inheritdoc/>
    public override void EndSequence() => Sequences--;

    /// <summary>Plugs a function in, as function 0 of a device.</summary>
    /// <param name="device">The device's number, 0 to 31, that nobody has.</param>
    /// <param name="function">What answers there.</param>
    public void Add(byte device, IBusFunction function)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(device, (byte)31);
        _functions.Add(device, function);
    }

    /// <summary>A window of device registers, wherever the guest places the ranges behind it.</summary>
    /// <remarks>Where no function decodes an address, reads give <see cref="Absent"/> and writes are lost.</remarks>
    public MmioRegion MapMmio(ulong physicalAddress, uint length) => new Window(this, physicalAddress, length);

    /// <inheritdoc/>
    protected override byte ReadByte(PciAddress address, uint offset) => (byte)Read(address, offset, 1);

    /// <inheritdoc/>
    protected override ushort ReadWord(PciAddress address, uint offset) => (ushort)Read(address, offset, 2);

    /// <inheritdoc/>
    protected override uint ReadDoubleWord(PciAddress address, uint offset) => Read(address, offset, 4);

    /// <inheritdoc/>
    protected override void WriteByte(PciAddress address, uint offset, byte value) =>
        Find(address)?.WriteConfiguration(offset, 1, value);

    /// <inheritdoc/>
    protected override void WriteWord(PciAddress address, uint offset, ushort value) =>
        Find(address)?.WriteConfiguration(offset, 2, value);

    /// <inheritdoc/>
    protected override void WriteDoubleWord(PciAddress address, uint offset, uint value) =>
        Find(address)?.WriteConfiguration(offset, 4, value);

    private IBusFunction? Find(PciAddress address) =>
        address.Function == 0 && _functions.TryGetValue(address.Device, out IBusFunction? function)
            ? function
            : null;

    private uint Read(PciAddress address, uint offset, int width) =>
        Find(address)?.ReadConfiguration(offset, width) ?? Absent;

    private uint ReadRegister(ulong address, int width)
    {
        foreach (IBusFunction function in _functions.Values)
        {
            if (function.Decode(address, out ulong offset) is int index)
            {
                return function.ReadBar(index, offset, width);
            }
        }

        return Absent;
    }

    private void WriteRegister(ulong address, int width, uint value)
    {
        foreach (IBusFunction function in _functions.Values)
        {
            if (function.Decode(address, out ulong offset) is int index)
            {
                function.WriteBar(index, offset, width, value);
                return;
            }
        }
    }

    private sealed class Window : RegisterWindow
    {
        private readonly PciBus _bus;
        private readonly ulong _start;

        public Window(PciBus bus, ulong start, uint length)
            : base(length)
        {
            _bus = bus;
            _start = start;
        }

        protected override uint Read(uint offset, int width) => _bus.ReadRegister(_start + offset, width);

        protected override void Write(uint offset, int width, uint value) =>
            _bus.WriteRegister(_start + offset, width, value);
    }
}

/// <summary>What answers at one device number of a <see cref="PciBus"/>.</summary>
public interface IBusFunction
{
    /// <summary>Reads 1, 2 or 4 aligned bytes of configuration space.</summary>
    uint ReadConfiguration(uint offset, int width);

    /// <summary>Writes 1, 2 or 4 aligned bytes of configuration space.</summary>
    void WriteConfiguration(uint offset, int width, uint value);

    /// <summary>Finds the range that a guest has placed over a bus address.</summary>
    /// <returns>Its number, or null where the function does not decode the address.</returns>
    int? Decode(ulong address, out ulong offset);

    /// <summary>Reads 1, 2 or 4 aligned bytes of a range.</summary>
    uint ReadBar(int index, ulong offset, int width);

    /// <summary>Writes 1, 2 or 4 aligned bytes of a range.</summary>
    void WriteBar(int index, ulong offset, int width, uint value);
}
