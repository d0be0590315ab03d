using System;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Conform.Own;

/// <summary>The driver of sources of entropy.</summary>
internal sealed class OwnEntropy : OwnMachine
{
    private readonly EntropyDevice _model;

    public OwnEntropy(OwnTransport transport, ulong form, OddDevice? odd)
        : base(transport, form, odd, "rng")
    {
        _model = new EntropyDevice(Machine.Memory.GuestMemory) { OfferedFeatures = FeatureBit.Version1 | Form };
        Prepare(_model, 8);
    }

    protected override VirtioDeviceModel Model => _model;

    protected override VirtioDevice Create(VirtioTransport transport) =>
        DriverRegistry.Find(_model.DeviceType)!.Create(transport, "rng0", Owner);

    protected override void Work(VirtioDevice driver)
    {
        VirtioEntropy entropy = (VirtioEntropy)driver;
        Span<byte> bytes = stackalloc byte[VirtioEntropy.MaximumLength];
        for (int round = 0; round < 20; round++)
        {
            bool isAsked = entropy.TryAsk(16);
            Rest();
            if (!isAsked || !entropy.TryTake(bytes, out int count) || count != 16)
            {
                throw new WorkFailure("There were no random bytes.");
            }
        }
    }
}
