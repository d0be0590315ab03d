using System;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Tests.Support;

/// <summary>An echo device on a PCI bus, with its ranges placed, and the steps of a driver by hand.</summary>
internal sealed class PciBench : IDisposable
{
    public const ulong Structures = 0xE000_0000;
    public const ulong Table = 0xE010_0000;
    public const ulong Shared = 0x12_0000_0000;

    private static readonly PciAddress s_address = new(0, 0, 3, 0);

    public PciBench(PciFunctionOptions? options = null, Action<EchoDevice>? prepare = null)
    {
        Device = new EchoDevice(Ram.Regions);
        prepare?.Invoke(Device);
        Function = new PciDeviceFunction(Device, Output, options);
        Bus.Add(3, Function);
        Put32(0x10, (uint)Structures);
        Put32(0x18, (uint)Table);
        Put32(0x20, unchecked((uint)Shared));
        Put32(0x24, (uint)(Shared >> 32));
        Put16(0x04, 6);
        Registers = Bus.MapMmio(Structures, 0x4000);
        Vectors = Bus.MapMmio(Table, 0x1000);
    }

    public GuestRam Ram { get; } = new();

    public RecordingOutput Output { get; } = new();

    public EchoDevice Device { get; }

    public PciDeviceFunction Function { get; }

    public PciBus Bus { get; } = new();

    /// <summary>Common configuration at 0, ISR at 0x1000, configuration at 0x2000, notifications at 0x3000.</summary>
    public MmioRegion Registers { get; }

    public MmioRegion Vectors { get; }

    public byte Get8(uint offset) => Bus.Read8(s_address, offset);

    public ushort Get16(uint offset) => Bus.Read16(s_address, offset);

    public uint Get32(uint offset) => Bus.Read32(s_address, offset);

    public void Put8(uint offset, int value) => Bus.Write8(s_address, offset, (byte)value);

    public void Put16(uint offset, int value) => Bus.Write16(s_address, offset, (ushort)value);

    public void Put32(uint offset, uint value) => Bus.Write32(s_address, offset, value);

    /// <summary>Where the n-th capability of an ID, or of a virtio kind, is.</summary>
    public uint FindCapability(byte id, byte? kind = null)
    {
        uint at = Get8(0x34);
        while (at != 0 && (Get8(at) != id || (kind != null && Get8(at + 3) != kind)))
        {
            at = Get8(at + 1);
        }

        return at;
    }

    public void EnableMsix(bool isEnabled = true, bool isMasked = false) =>
        Put16(FindCapability(0x11) + 2, (isEnabled ? 0x8000 : 0) | (isMasked ? 0x4000 : 0));

    /// <summary>Programs a vector with address 0xFEE00000 and data 0x40 + its number.</summary>
    public void SetVector(uint vector, bool isMasked = false)
    {
        Vectors.Write32(16 * vector, 0xFEE0_0000);
        Vectors.Write32((16 * vector) + 4, 1);
        Vectors.Write32((16 * vector) + 8, 0x40 + vector);
        Vectors.Write32((16 * vector) + 12, isMasked ? 1u : 0);
    }

    /// <summary>Reset to DRIVER_OK with queue 0 set up.</summary>
    public HandRing Start(ulong features, ushort vector = 0xFFFF)
    {
        features |= FeatureBit.Version1;
        Registers.Write8(0x14, 0);
        Registers.Write8(0x14, 3);
        for (uint word = 0; word < 2; word++)
        {
            Registers.Write32(0x08, word);
            Registers.Write32(0x0C, (uint)(features >> (int)(32 * word)));
        }

        Registers.Write8(0x14, 0xB);
        HandRing ring = HandRing.Create((features & FeatureBit.RingPacked) != 0, Ram, GuestRam.Base, 8);
        Registers.Write16(0x16, 0);
        Registers.Write16(0x18, 8);
        Registers.Write16(0x1A, vector);
        ulong[] areas = [ring.Areas.Descriptor, ring.Areas.Driver, ring.Areas.Device];
        for (uint i = 0; i < 3; i++)
        {
            Registers.Write32(0x20 + (8 * i), (uint)areas[i]);
            Registers.Write32(0x24 + (8 * i), (uint)(areas[i] >> 32));
        }

        Registers.Write16(0x1C, 1);
        Registers.Write8(0x14, 0xF);
        return ring;
    }

    /// <summary>Has one buffer used on queue 0.</summary>
    public void UseOne(HandRing ring)
    {
        ring.Add(new Piece(GuestRam.Base + 0x100000, 4, true));
        Registers.Write16(0x3000, 0);
        Device.Run();
    }

    public void Dispose() => Ram.Dispose();
}
