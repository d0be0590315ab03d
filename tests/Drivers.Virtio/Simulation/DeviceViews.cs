using System;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>How the ring models reach memory.</summary>
internal static unsafe class DeviceViews
{
    /// <summary>Where the device finds memory that it reads.</summary>
    public static byte* DeviceReads(this SimulatedDma memory, ulong deviceAddress, uint length) =>
        Found(memory.DeviceView(deviceAddress, length, GuestAccess.Read), deviceAddress, length);

    /// <summary>Where the device finds memory that it writes; the driver must have handed every byte over.</summary>
    public static byte* DeviceWrites(this SimulatedDma memory, ulong deviceAddress, uint length) =>
        Found(memory.DeviceView(deviceAddress, length, GuestAccess.Write), deviceAddress, length);

    /// <summary>Where anything may be written, for devices that keep no rules.</summary>
    public static byte* Raw(this SimulatedDma memory, ulong deviceAddress) =>
        Found(memory.DeviceView(deviceAddress, 1), deviceAddress, 1);

    public static byte[] Copy(this SimulatedDma memory, ulong deviceAddress, uint length) =>
        new ReadOnlySpan<byte>(memory.DeviceReads(deviceAddress, length), (int)length).ToArray();

    private static byte* Found(byte* view, ulong deviceAddress, uint length) => view != null
        ? view
        : throw new InvalidOperationException($"the device uses {length} bytes at {deviceAddress:x}: no such memory");
}
