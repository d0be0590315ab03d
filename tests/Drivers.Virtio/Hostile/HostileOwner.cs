using System;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>
/// Owns a driver as a kernel does, and keeps account: every request comes back once, and the driver allocates nothing
/// while it works.
/// </summary>
internal abstract class HostileOwner : DeviceEventSink
{
    private readonly AccessMeter _meter;
    private readonly bool _expectsNoAllocation;
    private bool _hasChange;

    protected HostileOwner(HostileBench bench, bool expectsNoAllocation)
    {
        Bench = bench;
        _meter = bench.Meter;
        _expectsNoAllocation = expectsNoAllocation;
    }

    /// <summary>How many interrupts reached the owner.</summary>
    public int Events { get; private set; }

    public abstract VirtioDevice Driver { get; }

    protected HostileBench Bench { get; }

    /// <summary>Creates the owner that a device type needs, or null for a type without a driver.</summary>
    public static HostileOwner? Create(HostileBench bench, VirtioTransport transport, bool allocatesNothing)
    {
        switch (transport.DeviceType)
        {
            case DeviceTypes.Block:
                return new HostileDiskOwner(bench, transport, allocatesNothing);
            case DeviceTypes.Network:
                return new HostileCardOwner(bench, transport, allocatesNothing);
            case DeviceTypes.Entropy:
                return new HostileEntropyOwner(bench, transport, allocatesNothing);
            default:
                return null;
        }
    }

    public override void OnUsedBuffers(ushort queueIndex)
    {
        Events++;
        Serve();
    }

    public override void OnConfigurationChange()
    {
        // It comes into whatever the owner is at, so that the driver looks later.
        Events++;
        _hasChange = true;
    }

    /// <summary>Does one thing that owners do.</summary>
    public void Work()
    {
        if (_hasChange)
        {
            _hasChange = false;
            Driver.ObserveChange();
        }

        bool isRunning = Driver.State == DeviceState.Running;
        long models = _meter.ModelBytes;
        long before = GC.GetAllocatedBytesForCurrentThread();
        Submit(Bench.Random.Below(100));
        long bytes = GC.GetAllocatedBytesForCurrentThread() - before - (_meter.ModelBytes - models);
        bool isMeasured = _expectsNoAllocation && isRunning && Driver.State == DeviceState.Running;
        BrokenPromiseException.UnlessZero(isMeasured ? bytes : 0);
    }

    /// <summary>Takes back what a stopped device left.</summary>
    public abstract void TakeAllBack();

    /// <summary>Does what the owner cannot do while it runs without allocating.</summary>
    public abstract void Disturb();

    /// <summary>Submits something, notifies, polls.</summary>
    protected abstract void Submit(int what);

    /// <summary>Takes back what the device says that it used.</summary>
    protected abstract void Serve();
}
