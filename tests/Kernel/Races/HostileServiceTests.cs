using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Tests.Hostile;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Kernel.Services.Block;

namespace VirtioGuest.Kernel.Tests.Races;

/// <summary>
/// Disks and links over devices that break every rule: no exception escapes, every request ends once, and a device in
/// trouble is recovered or given up.
/// </summary>
/// <remarks>
/// A case is a number. A failure tells which; <c>VIRTIOGUEST_SEED</c> with that number runs this one case again.
/// </remarks>
[TestFixture]
internal sealed class HostileServiceTests
{
    private const ulong Second = 1_000_000_000;
    private const int Limit = 5;

    [Test]
    public void No_hostile_device_gets_through_a_service()
    {
        int seed = FuzzSeed.Given ?? FuzzSeed.Draw();
        int cases = FuzzSeed.Given == null ? Nightly.Cases(3_000, 200_000) : 1;
        using var watchdog = new Watchdog(number => FuzzSeed.Describe(unchecked(seed + (int)number)));
        var outcomes = new Dictionary<string, int>();
        for (int i = 0; i < cases; i++)
        {
            watchdog.Begin(i);
            int own = unchecked(seed + i);
            string outcome;
            try
            {
                outcome = Run(own);
            }
            catch (Exception exception)
            {
                throw new BrokenPromiseException(FuzzSeed.Describe(own), exception);
            }

            outcomes[outcome] = outcomes.GetValueOrDefault(outcome) + 1;
        }

        string counts = string.Join(", ", outcomes.OrderBy(o => o.Key).Select(o => $"{o.Value} {o.Key}"));
        TestContext.Out.WriteLine($"seed {seed}: {cases} cases: {counts}");
        Assert.That(outcomes, Has.Count.EqualTo(cases == 1 ? 1 : 5), "every end is reached: " + counts);
    }

    private static string Run(int seed)
    {
        using var bench = new HostileBench(seed);
        using IDisposable installed = bench.Machine.Memory.Install();
        bench.Meter.Restart();
        VirtioTransport? transport = bench.Find();
        string outcome = transport?.DeviceType switch
        {
            DeviceTypes.Block => RunDisk(bench, transport),
            DeviceTypes.Network => RunLink(bench, transport),
            _ => "not bound",
        };
        var memory = bench.Machine.Memory;
        memory.CheckGuards();
        BrokenPromiseException.Unless(
            memory.Violations.Count == 0, "no access leaves memory: " + string.Join("; ", memory.Violations));
        BrokenPromiseException.Unless(
            memory.Freed + memory.Quarantined == memory.Allocated, "all memory is accounted for");
        return outcome;
    }

    private static string RunDisk(HostileBench bench, VirtioTransport transport)
    {
        bench.Meter.Restart();
        Disk? disk = Disk.TryCreate(transport, "disk0", TimeSpan.FromSeconds(Limit), out Failure? failure);
        BrokenPromiseException.Unless(disk is null == (failure is not null), "a refusal has a reason");
        if (disk is null)
        {
            return "not bound";
        }

        var started = new List<DiskRequest>();
        for (int operation = 10 + bench.Random.Below(60); operation > 0; operation--)
        {
            bench.Meter.Restart();
            int what = bench.Random.Below(100);
            if (what < 35)
            {
                Start(bench, disk, started);
            }
            else if (what < 45)
            {
                bench.Machine.Time.Advance((ulong)bench.Random.Below(3) * Second);
                disk.LookAtClock();
            }
            else
            {
                Act(bench, what);
            }

            Check(disk.Device, !disk.IsUsable);
        }

        // Whatever it does or does not do from here on, the limit ends all of it.
        for (int round = 0; round < 20 * Limit && started.Exists(transfer => transfer.IsInFlight); round++)
        {
            bench.Meter.Restart();
            bench.Machine.Time.Advance(Second);
            disk.LookAtClock();
            Check(disk.Device, !disk.IsUsable);
        }

        BrokenPromiseException.Unless(!started.Exists(transfer => transfer.IsInFlight), "every request ends");
        string outcome = disk.IsUsable ? "disks in use" : "disks given up";
        bench.Meter.Restart();
        disk.Remove();
        started.ForEach(disk.Return);
        return outcome;
    }

    private static void Start(HostileBench bench, Disk disk, List<DiskRequest> started)
    {
        DiskRequest? transfer = started.Find(one => !one.IsInFlight);
        started.RemoveAll(one => one == transfer);
        transfer ??= disk.TryRent();
        if (transfer is null)
        {
            return;
        }

        BlockOperation operation = bench.Random.Below(3) switch
        {
            0 => BlockOperation.Read,
            1 => BlockOperation.Write,
            _ => BlockOperation.Flush,
        };
        int count = operation == BlockOperation.Flush ? 0 : 1 + bench.Random.Below(transfer.SectorCapacity);
        BlockStatus status = disk.Start(transfer, operation, (ulong)bench.Random.Below(64), count);
        if (status == BlockStatus.Ok)
        {
            started.Add(transfer);
        }
        else
        {
            disk.Return(transfer);
        }
    }

    private static string RunLink(HostileBench bench, VirtioTransport transport)
    {
        bench.Meter.Restart();
        VirtioLink? link = VirtioLink.TryCreate(transport, "net0", out Failure? failure);
        BrokenPromiseException.Unless(link is null == (failure is not null), "a refusal has a reason");
        if (link is null)
        {
            return "not bound";
        }

        var port = new NetworkPort("net0", link);
        link.Connect(port.Stack);
        var elsewhere = new Queue<Action>();
        link.Elsewhere = elsewhere.Enqueue;
        bool isLookDue = false;
        link.PlanLook = () => isLookDue = true;
        byte[] frame = new byte[60];
        for (int operation = 10 + bench.Random.Below(60); operation > 0; operation--)
        {
            bench.Meter.Restart();
            int what = bench.Random.Below(100);
            if (what < 45)
            {
                link.TrySendNow(frame);
            }
            else
            {
                Act(bench, what);
            }

            while (elsewhere.TryDequeue(out Action? work))
            {
                work();
            }

            if (isLookDue)
            {
                isLookDue = false;
                link.LookAfterTransmitted();
            }

            bool isGivenUp = bench.Machine.Lines.Warnings.Exists(
                line => line.Contains("given up", StringComparison.Ordinal));
            Check(link.Device, isGivenUp);
        }

        string outcome = link.Device.State == DeviceState.Running ? "links in use" : "links given up";
        bench.Meter.Restart();
        port.Remove();
        return outcome;
    }

    private static void Check(VirtioDevice device, bool isGivenUp)
    {
        bool isOut = device.State is DeviceState.Stopped or DeviceState.Abandoned;
        BrokenPromiseException.Unless(
            isGivenUp ? isOut : device.State == DeviceState.Running, $"the device is {device.State}");
    }

    private static void Act(HostileBench bench, int what)
    {
        switch (what)
        {
            case < 70:
                bench.Device.ForgeRings();
                break;
            case < 80:
                bench.Device.Run(8);
                break;
            case < 94:
                bench.Machine.Messages.Deliver(8);
                break;
            case < 97:
                bench.Device.ChangeConfiguration(() => bench.Random.Fill(bench.Device.Fields));
                break;
            default:
                bench.Device.SetNeedsReset("it pleases");
                break;
        }
    }
}
