using System;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>Owns an entropy device.</summary>
internal sealed class HostileEntropyOwner : HostileOwner
{
    private readonly VirtioEntropy _driver;
    private readonly byte[] _bytes = new byte[VirtioEntropy.MaximumLength];
    private int _asked;

    public HostileEntropyOwner(HostileBench bench, VirtioTransport transport, bool expectsNoAllocation)
        : base(bench, expectsNoAllocation)
    {
        _driver = new VirtioEntropy(DriverRegistry.Find(DeviceTypes.Entropy)!, transport, "rng0", this);
    }

    public override VirtioDevice Driver => _driver;

    public override void TakeAllBack()
    {
        BrokenPromiseException.Unless(!_driver.TryTake(_bytes, out _), "nothing is taken from a stopped device");
        BrokenPromiseException.Unless(!_driver.TryAsk(1), "a stopped device is not asked");
    }

    public override void Disturb()
    {
        if (_driver.BeginOperation(_driver.Driver.Operations[0], 100) is null)
        {
            _asked = VirtioEntropy.MaximumLength;
            _driver.TryEndOperation(out string text, out _);
            BrokenPromiseException.Unless(text.Length <= 2 * _asked, "an operation shows what came");
        }
    }

    protected override void Submit(int what)
    {
        if (what >= 50)
        {
            Serve();
            return;
        }

        int count = 1 + Bench.Random.Below(2 * VirtioEntropy.MaximumLength);
        if (_driver.TryAsk(count))
        {
            _asked = Math.Min(count, VirtioEntropy.MaximumLength);
        }
    }

    protected override void Serve()
    {
        if (_driver.TryTake(_bytes, out int count))
        {
            BrokenPromiseException.Unless(count >= 0 && count <= _asked, "no more comes than was asked for");
        }
        else
        {
            BrokenPromiseException.Unless(count == 0, "without an answer nothing comes");
        }
    }
}
