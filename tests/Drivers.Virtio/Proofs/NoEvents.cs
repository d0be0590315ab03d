using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>An owner that polls.</summary>
internal sealed class NoEvents : DeviceEventSink
{
    public override void OnUsedBuffers(ushort queueIndex)
    {
    }

    public override void OnConfigurationChange()
    {
    }
}
