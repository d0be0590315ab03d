using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VirtioGuest.Conformance.Judge;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Conformance.Tests.Drivers;

/// <summary>What the device under a tiny driver is like.</summary>
internal sealed record TinySetup
{
    /// <summary>1 for a network device, 2 for a disk, 4 for a source of entropy.</summary>
    public int DeviceType { get; init; } = 2;

    /// <summary>What it offers besides VERSION_1.</summary>
    public ulong Offered { get; init; }

    public bool IsMmio { get; init; }

    /// <summary>What else is particular about it.</summary>
    public Action<VirtioDeviceModel> Prepare { get; init; } = _ => { };

    public uint NotifyMultiplier { get; init; } = 4;
}

/// <summary>Memory, a device model and a judge between it and whoever drives it by hand.</summary>
internal sealed unsafe class TinyMachine : IDisposable
{
    public const ulong Memory = 0x1_4000_0000;
    public const int MemoryLength = 1 << 20;
    public const int Sectors = 64;
    public const uint Isr = 0x1000;
    public const uint Configuration = 0x2000;
    public const uint Notify = 0x3000;

    private const int SpareLength = 0x10000;
    private const ulong Structures = 0xE000_0000;
    private const ulong Vectors = 0xE010_0000;

    private static readonly PciAddress s_address = new(0, 0, 3, 0);

    private readonly PciBus _bus = new();
    private readonly MmioRegion _registers;
    private byte* _memory = (byte*)NativeMemory.AllocZeroed(MemoryLength + SpareLength);

    public TinyMachine(string target, TinySetup setup)
    {
        RegionMemory regions = new();
        regions.Add(_memory, Memory, MemoryLength);

        // A driver that forgets an address leaves it 0: there is memory too, so that nothing else goes wrong.
        regions.Add(_memory + MemoryLength, 0, SpareLength);
        Model = setup.DeviceType switch
        {
            1 => new NetDevice(
                regions,
                [0x52, 0x54, 0, 0x12, 0x34, 0x56],
                1500,
                NetDevice.FullConfigurationSize,
                queuePairs: 2,
                hasControlQueue: true),
            2 => new BlockDevice(regions, Sectors),
            _ => new EntropyDevice(regions),
        };
        Model.OfferedFeatures = FeatureBit.Version1 | setup.Offered;
        Model.RunsWhenNotified = true;
        foreach (ModelQueue each in Model.Queues)
        {
            each.MaximumSize = 8;
            each.IsStrict = true;
        }

        setup.Prepare(Model);
        SilentOutput output = new();
        if (setup.IsMmio)
        {
            Watch = new ModelWatch(target, new MmioDevice(Model, output));
            _registers = Watch.Registers;
            return;
        }

        PciDeviceFunction function = new(
            Model, output, new PciFunctionOptions { VectorCount = 4, NotifyMultiplier = setup.NotifyMultiplier });
        function.WriteConfiguration(0x10, 4, (uint)Structures);
        function.WriteConfiguration(0x18, 4, (uint)Vectors);
        function.WriteConfiguration(0x04, 2, 2);
        Watch = new ModelWatch(target, function);
        _bus.Add(3, Watch.Function);
        _registers = _bus.MapMmio(Structures, 0x8000);
    }

    public VirtioDeviceModel Model { get; }

    public ModelWatch Watch { get; }

    public DriverJudge Judge => Watch.Judge;

    public uint Read(uint offset, int width) => width switch
    {
        1 => _registers.Read8(offset),
        2 => _registers.Read16(offset),
        _ => _registers.Read32(offset),
    };

    public void Write(uint offset, int width, uint value)
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

    public uint ReadPci(uint offset, int width) => width switch
    {
        1 => _bus.Read8(s_address, offset),
        2 => _bus.Read16(s_address, offset),
        _ => _bus.Read32(s_address, offset),
    };

    public void WritePci(uint offset, int width, uint value)
    {
        switch (width)
        {
            case 1:
                _bus.Write8(s_address, offset, (byte)value);
                break;
            case 2:
                _bus.Write16(s_address, offset, (ushort)value);
                break;
            default:
                _bus.Write32(s_address, offset, value);
                break;
        }
    }

    /// <summary>Where a capability is: MSI-X, or one of virtio's by its kind.</summary>
    public uint FindCapability(byte id, byte kind = 0)
    {
        uint at = ReadPci(0x34, 1);
        while (at != 0 && (ReadPci(at, 1) != id || (kind != 0 && ReadPci(at + 3, 1) != kind)))
        {
            at = ReadPci(at + 1, 1);
        }

        return at;
    }

    public Span<byte> At(ulong address, int length) =>
        new Span<byte>(_memory, MemoryLength).Slice(checked((int)(address - Memory)), length);

    public ushort Get16(ulong address) => BinaryPrimitives.ReadUInt16LittleEndian(At(address, 2));

    public uint Get32(ulong address) => BinaryPrimitives.ReadUInt32LittleEndian(At(address, 4));

    public void Put16(ulong address, int value) =>
        BinaryPrimitives.WriteUInt16LittleEndian(At(address, 2), (ushort)value);

    public void Put32(ulong address, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(At(address, 4), value);

    public void Put64(ulong address, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(At(address, 8), value);

    public void Dispose()
    {
        NativeMemory.Free(_memory);
        _memory = null;
    }

    private sealed class SilentOutput : InterruptOutput
    {
        public override void SendMessage(ulong address, uint data)
        {
        }

        public override void SetLine(bool isAsserted)
        {
        }
    }
}
