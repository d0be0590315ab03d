using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>
/// The configuration space of a non-transitional virtio function: a 64-bit base address for its structures, one for its
/// MSI-X table, and the window in configuration space, which works. Properties are set before <see cref="Discover"/>.
/// </summary>
internal sealed class ModernFunction
{
    public const ulong TableAddress = 0xFE010000;

    /// <summary>Where the 64-bit base address is: above all that 32 bits reach.</summary>
    public const ulong StructuresAddress = 0x40_0000_0000;

    private const uint TableLength = 0x1000;
    private const int StructuresBar = 4;
    private const int TableBar = 1;

    private readonly byte[] _space = new byte[256];
    private readonly RegisterMachine _machine;
    private readonly PciBlock _block;
    private int _window;
    private int _msix;
    private int _sequence;

    public ModernFunction(RegisterMachine machine, PciBlock block)
    {
        _machine = machine;
        _block = block;
        machine.Add(StructuresAddress, PciBlock.Length, block);
        machine.Add(TableAddress, TableLength, new ByteBlock((int)TableLength));
        Capabilities = new List<byte[]>
        {
            Structure(1, StructuresBar, PciBlock.CommonOffset, 0x40),
            Structure(3, StructuresBar, PciBlock.IsrOffset, 1),
            Structure(4, StructuresBar, PciBlock.DeviceOffset, (uint)block.Configuration.Length),
            Structure(2, StructuresBar, PciBlock.NotifyOffset, 0x1000, 4),
            Structure(5, 0, 0, 0, 0),
        };
    }

    public List<byte[]> Capabilities { get; }

    public ushort DeviceId { get; set; } = 0x1042;

    public int VectorCount { get; set; }

    /// <summary>The address in the base address register of the structures; 0 for none.</summary>
    public ulong AssignedAddress { get; set; } = StructuresAddress;

    /// <summary>The size of that base address; 0 for one that does not exist.</summary>
    public ulong BarLength { get; set; } = PciBlock.Length;

    /// <summary>How many accesses went through the window.</summary>
    public int WindowAccesses { get; private set; }

    public static byte[] Structure(byte kind, byte bar, uint offset, uint length, uint? extra = null, uint? high = null)
    {
        byte[] capability = new byte[high != null ? 24 : extra != null ? 20 : 16];
        capability[0] = 9;
        capability[2] = (byte)capability.Length;
        capability[3] = kind;
        capability[4] = bar;
        BinaryPrimitives.WriteUInt32LittleEndian(capability.AsSpan(8), offset);
        BinaryPrimitives.WriteUInt32LittleEndian(capability.AsSpan(12), length);
        if (extra != null)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(capability.AsSpan(16), extra.Value);
        }

        if (high != null)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(capability.AsSpan(20), high.Value);
        }

        return capability;
    }

    /// <summary>A shared memory capability.</summary>
    public static byte[] SharedMemory(byte id, byte bar, ulong offset, ulong length)
    {
        byte[] capability = Structure(
            8, bar, (uint)offset, (uint)length, (uint)(offset >> 32), (uint)(length >> 32));
        capability[5] = id;
        return capability;
    }

    public PciFunction Discover()
    {
        Span<byte> space = _space;
        BinaryPrimitives.WriteUInt16LittleEndian(space, 0x1AF4);
        BinaryPrimitives.WriteUInt16LittleEndian(space[2..], DeviceId);
        BinaryPrimitives.WriteUInt16LittleEndian(space[6..], 0x10);
        BinaryPrimitives.WriteUInt32LittleEndian(space[(0x10 + (4 * TableBar))..], (uint)TableAddress);
        BinaryPrimitives.WriteUInt64LittleEndian(
            space[(0x10 + (4 * StructuresBar))..], BarLength == 0 ? 0 : AssignedAddress | 4);
        _space[0x3C] = 11;
        _space[0x3D] = 1;
        int at = 0x40;
        int link = 0x34;
        foreach (byte[] capability in Capabilities)
        {
            capability.CopyTo(space[at..]);
            _window = capability[3] == 5 && capability.Length >= 20 && _window == 0 ? at : _window;
            _space[link] = (byte)at;
            link = at + 1;
            at += (capability.Length + 3) & ~3;
        }

        if (VectorCount != 0)
        {
            _msix = at;
            _space[link] = (byte)at;
            _space[at] = 0x11;
            BinaryPrimitives.WriteUInt16LittleEndian(space[(at + 2)..], (ushort)(VectorCount - 1));
            BinaryPrimitives.WriteUInt32LittleEndian(space[(at + 4)..], TableBar);
            BinaryPrimitives.WriteUInt32LittleEndian(space[(at + 8)..], 0x800 | TableBar);
        }

        return PciTopology.Discover(new Access(this), _machine.Lines).Functions[0];
    }

    private uint Read(uint offset, int width)
    {
        if (_window != 0 && offset >= _window + 16 && offset < _window + 20)
        {
            return _block.Read(Pointed(offset, width), width);
        }

        uint value = 0;
        for (int i = width - 1; i >= 0; i--)
        {
            value = (value << 8) | _space[offset + i];
        }

        return value;
    }

    private void Write(uint offset, int width, uint value)
    {
        if (_window != 0 && offset >= _window + 16 && offset < _window + 20)
        {
            _block.Write(Pointed(offset, width), width, value);
            return;
        }

        for (uint i = 0; i < width; i++)
        {
            uint at = offset + i;
            byte part = (byte)(value >> (int)(8 * i));
            bool isWindow = _window != 0 && (at == _window + 4 || (at >= _window + 8 && at < _window + 16));
            if (at is 4 or 5 || isWindow)
            {
                _space[at] = part;
            }
            else if (_msix != 0 && at == _msix + 3)
            {
                _space[at] = (byte)((part & 0xC0) | (_space[at] & 0x3F));
            }
            else if (at is >= 0x10 and < 0x28)
            {
                WriteBaseAddress(at, part);
            }
        }
    }

    private void WriteBaseAddress(uint at, byte part)
    {
        uint register = (at - 0x10) / 4;
        ulong length = register == TableBar ? TableLength : register >= StructuresBar ? BarLength : 0;
        ulong mask = length == 0 ? 0 : ~(length - 1);
        int shift = (int)(8 * (at & 3)) + (register == StructuresBar + 1 ? 32 : 0);
        int fixedBits = register == StructuresBar && (at & 3) == 0 && length != 0 ? 4 : 0;
        _space[at] = (byte)((part & (byte)(mask >> shift)) | fixedBits);
    }

    /// <summary>Where the window points, after checking what the driver may do with it.</summary>
    private ulong Pointed(uint offset, int width)
    {
        WindowAccesses++;
        ReadOnlySpan<byte> window = _space.AsSpan(_window);
        uint place = BinaryPrimitives.ReadUInt32LittleEndian(window[8..]);
        uint length = BinaryPrimitives.ReadUInt32LittleEndian(window[12..]);
        if (_sequence != 1)
        {
            _block.Violations.Add("the window was used outside a sequence");
        }

        if (length != width || offset != _window + 16 || place % length != 0 || window[4] != StructuresBar)
        {
            _block.Violations.Add($"the window was used for {width} bytes at {place:x}, set to {length}");
        }

        return place;
    }

    private sealed class Access : ConfigurationAccess
    {
        private readonly ModernFunction _function;

        public Access(ModernFunction function)
            : base(0, 0, 0, 256)
        {
            _function = function;
        }

        public override void BeginSequence() => _function._sequence++;

        public override void EndSequence() => _function._sequence--;

        protected override byte ReadByte(PciAddress address, uint offset) => (byte)Read(address, offset, 1);

        protected override ushort ReadWord(PciAddress address, uint offset) => (ushort)Read(address, offset, 2);

        protected override uint ReadDoubleWord(PciAddress address, uint offset) => Read(address, offset, 4);

        protected override void WriteByte(PciAddress address, uint offset, byte value) =>
            Write(address, offset, 1, value);

        protected override void WriteWord(PciAddress address, uint offset, ushort value) =>
            Write(address, offset, 2, value);

        protected override void WriteDoubleWord(PciAddress address, uint offset, uint value) =>
            Write(address, offset, 4, value);

        private uint Read(PciAddress address, uint offset, int width) =>
            address.Device == 4 && address.Function == 0 ? _function.Read(offset, width) : uint.MaxValue;

        private void Write(PciAddress address, uint offset, int width, uint value)
        {
            if (address.Device == 4 && address.Function == 0)
            {
                _function.Write(offset, width, value);
            }
        }
    }
}
