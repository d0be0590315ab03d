using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>
/// A PCI function with a virtio device behind it: configuration space, two memory base addresses, virtio capabilities,
/// MSI-X, and the registers of <see cref="SimulatedDevice"/>. Properties are set before <see cref="Discover"/>.
/// </summary>
internal sealed class SimulatedFunction
{
    public const ulong StructuresBase = 0xFE000000;
    public const uint StructuresLength = 0x8000;
    public const ulong TableBase = 0xFE010000;

    public const uint CommonOffset = 0x0000;
    public const uint IsrOffset = 0x1000;
    public const uint DeviceOffset = 0x2000;
    public const uint NotifyOffset = 0x4000;

    private const uint TableLength = 0x1000;
    private const uint PendingOffset = 0x800;
    private const uint MsixCapability = 0xA0;

    private readonly byte[] _space = new byte[256];
    private readonly byte[] _table = new byte[TableLength];
    private readonly SimulatedMachine _machine;
    private readonly SimulatedDevice _device;

    public SimulatedFunction(SimulatedMachine machine, SimulatedDevice device)
    {
        _machine = machine;
        _device = device;
        device.Function = this;
        machine.Function = this;
        Capabilities = new List<byte[]>
        {
            Structure(1, 0, CommonOffset, 0x40),
            Structure(3, 0, IsrOffset, 1),
            Structure(4, 0, DeviceOffset, (uint)device.Configuration.Length),
            Structure(2, 0, NotifyOffset, 0x4000, NotifyMultiplier),
            Structure(5, 0, 0, 0, 0),
        };
    }

    /// <summary>The vendor-specific capabilities, whole, with their link byte left open.</summary>
    public List<byte[]> Capabilities { get; }

    public ushort DeviceId { get; set; }

    public ushort VendorId { get; set; } = 0x1AF4;

    /// <summary>How many MSI-X vectors there are; 0 for no MSI-X.</summary>
    public int VectorCount { get; set; } = 8;

    public byte InterruptPin { get; set; } = 1;

    public byte InterruptLine { get; set; } = 11;

    public uint NotifyMultiplier { get; private set; } = 4;

    public bool IsBusMaster => (Command & 4) != 0;

    public bool IsPinDisabled => (Command & 0x400) != 0;

    public bool IsMsixEnabled => VectorCount != 0 && (_space[MsixCapability + 3] & 0x80) != 0;

    private ushort Command => BinaryPrimitives.ReadUInt16LittleEndian(_space.AsSpan(4));

    /// <summary>A virtio capability.</summary>
    public static byte[] Structure(byte kind, byte bar, uint offset, uint length, uint? extra = null)
    {
        byte[] capability = new byte[extra == null ? 16 : 20];
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

        return capability;
    }

    public void SetNotifyMultiplier(uint multiplier)
    {
        NotifyMultiplier = multiplier;
        Capabilities[3] = Structure(2, 0, NotifyOffset, 0x4000, multiplier);
    }

    /// <summary>Builds configuration space and has the function found.</summary>
    public PciFunction Discover()
    {
        Span<byte> space = _space;
        BinaryPrimitives.WriteUInt16LittleEndian(space, VendorId);
        BinaryPrimitives.WriteUInt16LittleEndian(space[2..], DeviceId);
        BinaryPrimitives.WriteUInt16LittleEndian(space[6..], 0x10);
        BinaryPrimitives.WriteUInt32LittleEndian(space[0x10..], (uint)StructuresBase);
        BinaryPrimitives.WriteUInt32LittleEndian(space[0x14..], (uint)TableBase);
        _space[0x3C] = InterruptLine;
        _space[0x3D] = InterruptPin;
        int at = 0x40;
        int link = 0x34;
        foreach (byte[] capability in Capabilities)
        {
            capability.CopyTo(space[at..]);
            _space[link] = (byte)at;
            link = at + 1;
            at += (capability.Length + 3) & ~3;
        }

        if (VectorCount != 0)
        {
            _space[link] = (byte)MsixCapability;
            _space[MsixCapability] = 0x11;
            BinaryPrimitives.WriteUInt16LittleEndian(space[((int)MsixCapability + 2)..], (ushort)(VectorCount - 1));
            BinaryPrimitives.WriteUInt32LittleEndian(space[((int)MsixCapability + 4)..], 1);
            BinaryPrimitives.WriteUInt32LittleEndian(space[((int)MsixCapability + 8)..], PendingOffset | 1);
        }

        PciTopology topology = PciTopology.Discover(new Space(this), _machine.Lines);
        return topology.Functions[0];
    }

    /// <summary>Sends a vector's message, if MSI-X and its mask let it.</summary>
    public void SendVector(int vector)
    {
        Span<byte> entry = _table.AsSpan(vector * 16, 16);
        if (IsMsixEnabled && (entry[12] & 1) == 0)
        {
            _machine.Messages.Send(
                BinaryPrimitives.ReadUInt64LittleEndian(entry), BinaryPrimitives.ReadUInt32LittleEndian(entry[8..]));
        }
    }

    /// <summary>Raises the line, if the function may.</summary>
    /// <returns>Whether somebody claimed it.</returns>
    public bool RaiseLine() =>
        !IsPinDisabled && !IsMsixEnabled && _machine.Messages.LineHandler is { } handler && handler.OnInterrupt();

    public uint ReadRegister(ulong address, int width)
    {
        if (address >= TableBase && address < TableBase + TableLength)
        {
            return BinaryPrimitives.ReadUInt32LittleEndian(_table.AsSpan((int)(address - TableBase)));
        }

        return _device.ReadRegister((uint)(address - StructuresBase), width);
    }

    public void WriteRegister(ulong address, int width, uint value)
    {
        if (address >= TableBase && address < TableBase + TableLength)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_table.AsSpan((int)(address - TableBase)), value);
            return;
        }

        _device.WriteRegister((uint)(address - StructuresBase), width, value);
    }

    private void WriteSpace(uint offset, int width, uint value)
    {
        Span<byte> bytes = stackalloc byte[4];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, value);
        for (uint i = 0; i < width; i++)
        {
            uint at = offset + i;
            bool isBaseAddress = at is >= 0x10 and < 0x28;
            bool isControl = VectorCount != 0 && at == MsixCapability + 3;
            if (at is 4 or 5 || at == 0x3C || isControl)
            {
                _space[at] = isControl ? (byte)((bytes[(int)i] & 0xC0) | (_space[at] & 0x3F)) : bytes[(int)i];
            }
            else if (isBaseAddress)
            {
                uint length = at < 0x14 ? StructuresLength : at < 0x18 ? TableLength : 0;
                uint mask = length == 0 ? 0 : ~(length - 1);
                _space[at] = (byte)(bytes[(int)i] & (mask >> (int)(8 * (at & 3))));
            }
        }
    }

    /// <summary>Configuration space of a bus on which only this function answers.</summary>
    private sealed class Space : ConfigurationAccess
    {
        private readonly SimulatedFunction _function;

        public Space(SimulatedFunction function)
            : base(0, 0, 0, 256)
        {
            _function = function;
        }

        protected override byte ReadByte(PciAddress address, uint offset) => (byte)Read(address, offset, 1);

        protected override ushort ReadWord(PciAddress address, uint offset) => (ushort)Read(address, offset, 2);

        protected override uint ReadDoubleWord(PciAddress address, uint offset) => Read(address, offset, 4);

        protected override void WriteByte(PciAddress address, uint offset, byte value) =>
            Write(address, offset, 1, value);

        protected override void WriteWord(PciAddress address, uint offset, ushort value) =>
            Write(address, offset, 2, value);

        protected override void WriteDoubleWord(PciAddress address, uint offset, uint value) =>
            Write(address, offset, 4, value);

        private static bool Answers(PciAddress address) => address.Device == 4 && address.Function == 0;

        private uint Read(PciAddress address, uint offset, int width)
        {
            uint value = 0xFFFFFFFF;
            if (Answers(address))
            {
                value = 0;
                for (int i = width - 1; i >= 0; i--)
                {
                    value = (value << 8) | _function._space[offset + i];
                }
            }

            return value;
        }

        private void Write(PciAddress address, uint offset, int width, uint value)
        {
            if (Answers(address))
            {
                _function.WriteSpace(offset, width, value);
            }
        }
    }
}
