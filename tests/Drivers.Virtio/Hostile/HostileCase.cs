using System;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>One hostile device from its discovery to its end, drawn from a seed: same seed, same case.</summary>
internal static class HostileCase
{
    /// <summary>
    /// How often a call may wait, 10 ms each: for two resets that nobody confirms, and something besides.
    /// </summary>
    private const ulong MostWaits = 300;

    private const int DeliveriesAtOnce = 8;
    private const int StepsAtOnce = 8;

    /// <summary>Runs a case.</summary>
    /// <param name="seed">Which.</param>
    /// <param name="allocatesNothing">Whether allocation is watched; not before everything has run once.</param>
    /// <param name="hostility">In what the device is hostile; null to draw that too.</param>
    /// <exception cref="BrokenPromiseException">The driver did what it must not.</exception>
    public static HostileOutcome Run(int seed, bool allocatesNothing, Hostility? hostility = null)
    {
        using HostileBench bench = new HostileBench(seed, hostility);

        // With the simulation installed every access of the driver is checked to be in memory.
        using IDisposable installed = bench.Machine.Memory.Install();
        HostileOutcome outcome = Live(bench, allocatesNothing);
        bench.Machine.Memory.CheckGuards();
        BrokenPromiseException.Unless(
            bench.Machine.Memory.Violations.Count == 0,
            "no access leaves memory: " + string.Join("; ", bench.Machine.Memory.Violations));
        int given = bench.Machine.Memory.Freed + bench.Machine.Memory.Quarantined;
        BrokenPromiseException.Unless(given == bench.Machine.Memory.Allocated, "all memory is accounted for");
        return outcome;
    }

    private static HostileOutcome Live(HostileBench bench, bool allocatesNothing)
    {
        bench.Meter.Restart();
        VirtioTransport? transport = bench.Find();
        HostileOwner? owner = transport == null ? null : HostileOwner.Create(bench, transport, allocatesNothing);
        if (owner == null)
        {
            return HostileOutcome.Refused;
        }

        HostileOutcome outcome = HostileOutcome.NotStarted;
        for (int life = 1 + bench.Random.Below(2); life > 0 && owner.Driver.State != DeviceState.Abandoned; life--)
        {
            if (Start(bench, owner.Driver))
            {
                outcome = HostileOutcome.Survived;
                Use(bench, owner);
                outcome = owner.Driver.State == DeviceState.NeedsReset ? HostileOutcome.Broken : outcome;
                Stop(bench, owner);
            }
        }

        return owner.Driver.State == DeviceState.Abandoned ? HostileOutcome.Abandoned : outcome;
    }

    private static bool Start(HostileBench bench, VirtioDevice driver)
    {
        ulong waits = Begin(bench);
        bool isStarted = driver.TryStart(out Failure? failure);
        End(bench, waits);
        BrokenPromiseException.Unless(isStarted == (failure is null), "a device that is not started has a reason");
        if (!isStarted)
        {
            BrokenPromiseException.Unless(
                driver.State is DeviceState.Stopped or DeviceState.Abandoned && bench.IsCutOff,
                "a device that is not started is cut off");
        }

        return isStarted;
    }

    private static void Use(HostileBench bench, HostileOwner owner)
    {
        SeededRandom random = bench.Random;
        for (int operation = 4 + random.Below(40); operation > 0; operation--)
        {
            ulong waits = Begin(bench);
            Do(bench, owner, random.Below(100));
            End(bench, waits);
        }
    }

    private static void Do(HostileBench bench, HostileOwner owner, int what)
    {
        switch (what)
        {
            case < 60:
                owner.Work();
                break;
            case < 75:
                bench.Device.ForgeRings();
                break;
            case < 85:
                bench.Device.Run(StepsAtOnce);
                break;
            case < 92:
                bench.Machine.Messages.Deliver(DeliveriesAtOnce);
                break;
            case < 94:
                bench.Device.ChangeConfiguration(() => bench.Random.Fill(bench.Device.Fields));
                break;
            case 94:
                bench.Device.SetNeedsReset("it pleases");
                break;
            case 95:
                owner.Disturb();
                break;
            case 96:
                owner.Driver.Suspend();
                break;
            case 97:
                owner.Driver.Resume();
                break;
            default:
                BrokenPromiseException.Unless(
                    owner.Driver.Describe().State == owner.Driver.State, "a device can be described at any time");
                break;
        }
    }

    private static void Stop(HostileBench bench, HostileOwner owner)
    {
        ulong waits = Begin(bench);
        bool isConfirmed = owner.Driver.Stop();
        End(bench, waits);
        DeviceState expected = isConfirmed ? DeviceState.Stopped : DeviceState.Abandoned;
        BrokenPromiseException.Unless(owner.Driver.State == expected, "Stop tells what came of it");
        BrokenPromiseException.Unless(bench.IsCutOff, "a stopped device is cut off from memory");
        BrokenPromiseException.Unless(
            isConfirmed || bench.Machine.Memory.Quarantined != 0, "memory of an abandoned device is quarantined");
        int events = owner.Events;
        bench.Machine.Messages.Deliver(DeliveriesAtOnce);
        BrokenPromiseException.Unless(owner.Events == events, "late interrupts go nowhere");
        owner.TakeAllBack();
    }

    private static ulong Begin(HostileBench bench)
    {
        bench.Meter.Restart();
        return bench.Machine.Time.Waits;
    }

    private static void End(HostileBench bench, ulong waits) => BrokenPromiseException.Unless(
        bench.Machine.Time.Waits - waits <= MostWaits, "a call waits for a bounded time");
}
