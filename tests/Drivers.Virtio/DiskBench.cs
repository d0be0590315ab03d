using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests;

/// <summary>Disks on a bench of their own, with packed rings and nothing else negotiated.</summary>
internal static class DiskBench
{
    public static ModelBench<BlockDevice> Create(
        int sectors = 64,
        int configurationLength = BlockDevice.ConfigurationSize,
        SimulatedDmaOptions? memory = null,
        int queues = 1)
    {
        ModelBench<BlockDevice> bench = new ModelBench<BlockDevice>(
            dma => new BlockDevice(dma.GuestMemory, sectors, queues, configurationLength)
            {
                OfferedFeatures = FeatureBit.Version1 | FeatureBit.RingPacked
                    | (queues > 1 ? BlockFeature.MultiQueue : 0),
                ExpectsUsualLayout = true,
            },
            memory: memory);
        bench.SetQueueSize(64);
        return bench;
    }

    /// <summary>Sets a field of the configuration.</summary>
    public static void SetField(this ModelBench<BlockDevice> bench, int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(bench.Model.ConfigurationStore[offset..], value);

    /// <summary>Has the device keep requests that it is done with.</summary>
    public static HeldBackCompletion HoldRequests(this ModelBench<BlockDevice> bench, int queue = 0)
    {
        HeldBackCompletion held = new HeldBackCompletion();
        bench.Model.Queues[queue].Policy = held;
        return held;
    }

    /// <summary>Keeps the requests that come from now on, in words.</summary>
    public static RequestLog LogRequests(this ModelBench<BlockDevice> bench)
    {
        RequestLog log = new RequestLog();
        bench.Model.Faults = log;
        return log;
    }
}

/// <summary>Keeps requests in words, as <c>type@sector</c>, and can give each the same status.</summary>
internal sealed class RequestLog : BlockFaults
{
    public List<string> Requests { get; } = [];

    /// <summary>The status of every request, instead of the one that it deserves.</summary>
    public byte? ForcedStatus { get; set; }

    public override BlockStatus? Fault(uint type, ulong sector, ulong length)
    {
        Requests.Add($"{type}@{sector}");
        return (BlockStatus?)ForcedStatus;
    }
}
