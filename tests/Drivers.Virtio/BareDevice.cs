using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>A device of any type that offers whatever a test says, and never takes a buffer.</summary>
internal sealed class BareDevice(GuestMemory memory, ushort type, int queues = 0, int configurationLength = 0)
    : VirtioDeviceModel(type, queues, configurationLength, memory)
{
    protected override ulong TypeFeatures => ulong.MaxValue;

    protected override bool AcceptsFeatures(ulong features) => true;

    protected override bool Serve(ModelQueue queue) => false;
}
