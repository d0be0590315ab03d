using System;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>Network cards on a bench of their own, with packed rings and nothing else negotiated.</summary>
internal static class NetBench
{
    public static ModelBench<NetDevice> Create(
        byte[]? mac = null, ushort mtu = 1500, int configurationLength = NetDevice.ConfigurationSize)
    {
        ModelBench<NetDevice> bench = new ModelBench<NetDevice>(
            memory => new NetDevice(memory.GuestMemory, mac ?? new byte[6], mtu, configurationLength)
            {
                OfferedFeatures = FeatureBit.Version1 | FeatureBit.RingPacked,
                ExpectsUsualLayout = true,
            });
        bench.SetQueueSize(64);
        return bench;
    }

    /// <summary>Puts a frame on the wire to the driver.</summary>
    /// <returns>False where it has to wait for a buffer.</returns>
    public static bool Deliver(this ModelBench<NetDevice> bench, ReadOnlySpan<byte> frame)
    {
        bench.Model.Receive(frame);
        bench.Model.Run();
        return bench.Model.Waiting == 0;
    }
}
