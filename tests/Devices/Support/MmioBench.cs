using System;
using VirtioGuest.Devices.Mmio;
using VirtioGuest.Hal;

namespace VirtioGuest.Devices.Tests.Support;

/// <summary>A device behind virtio-mmio registers, and the steps of a driver by hand.</summary>
internal sealed class MmioBench<TDevice> : IDisposable
    where TDevice : VirtioDeviceModel
{
    private ulong _nextRing = GuestRam.Base;

    public MmioBench(Func<GuestRam, TDevice> create)
    {
        Device = create(Ram);
        Mmio = new MmioDevice(Device, Output, 0xD000_0000);
    }

    public GuestRam Ram { get; } = new();

    public RecordingOutput Output { get; } = new();

    public TDevice Device { get; }

    public MmioDevice Mmio { get; }

    public MmioRegion Registers => Mmio.Registers;

    public uint Status => Registers.Read32(0x70);

    public void WriteStatus(int value) => Registers.Write32(0x70, (uint)value);

    public ulong ReadFeatures()
    {
        Registers.Write32(0x14, 0);
        ulong low = Registers.Read32(0x10);
        Registers.Write32(0x14, 1);
        return low | ((ulong)Registers.Read32(0x10) << 32);
    }

    /// <summary>Reset to FEATURES_OK.</summary>
    /// <returns>Whether the device agreed.</returns>
    public bool Negotiate(ulong features)
    {
        WriteStatus(0);
        WriteStatus(1);
        WriteStatus(3);
        Registers.Write32(0x24, 0);
        Registers.Write32(0x20, (uint)features);
        Registers.Write32(0x24, 1);
        Registers.Write32(0x20, (uint)(features >> 32));
        WriteStatus(0xB);
        return (Status & 8) != 0;
    }

    /// <summary>Configures and enables a queue.</summary>
    public HandRing SetUpQueue(int index, int size)
    {
        HandRing ring = HandRing.Create((Device.DriverFeatures & FeatureBit.RingPacked) != 0, Ram, _nextRing, size);
        _nextRing += 0x2000;
        Registers.Write32(0x30, (uint)index);
        Registers.Write32(0x38, (uint)size);
        WriteAddress(0x80, ring.Areas.Descriptor);
        WriteAddress(0x90, ring.Areas.Driver);
        WriteAddress(0xA0, ring.Areas.Device);
        Registers.Write32(0x44, 1);
        return ring;
    }

    public void Notify(int queue) => Registers.Write32(0x50, (uint)queue);

    public void WriteAddress(uint register, ulong address)
    {
        Registers.Write32(register, (uint)address);
        Registers.Write32(register + 4, (uint)(address >> 32));
    }

    /// <summary>Reset to DRIVER_OK with one ring per queue.</summary>
    public HandRing[] Start(ulong features, int size = 8)
    {
        Negotiate(features | FeatureBit.Version1);
        HandRing[] rings = new HandRing[Device.Queues.Length];
        for (int i = 0; i < rings.Length; i++)
        {
            rings[i] = SetUpQueue(i, size);
        }

        WriteStatus(0xF);
        return rings;
    }

    public void Dispose() => Ram.Dispose();
}
