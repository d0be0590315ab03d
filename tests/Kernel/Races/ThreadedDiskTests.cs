using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Simulation;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Kernel.Tests.Races;

/// <summary>
/// Disks whose device works on a thread of its own, with interrupts on another, while several threads read and write:
/// whatever the moment and however they wait, nothing sleeps over work and every sector is the right one.
/// </summary>
[TestFixture(0UL)]
[TestFixture(FeatureBit.RingPacked)]
[TestFixture(FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
[TestFixture(FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex)]
internal sealed class ThreadedDiskTests
{
    private const int Users = 3;
    private const int SectorsPerUser = 64;

    /// <summary>How long nothing at all may come to its end.</summary>
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(60);

    private readonly ulong _features;

    public ThreadedDiskTests(ulong features)
    {
        _features = features;
    }

    [TestCase(false, WaitMode.Interrupt, false, 1)]
    [TestCase(true, WaitMode.Interrupt, false, 1)]
    [TestCase(false, WaitMode.Interrupt, true, 1)]
    [TestCase(true, WaitMode.Interrupt, true, 1)]
    [TestCase(true, WaitMode.Interrupt, true, 2)]
    [TestCase(false, WaitMode.Polled, true, 1)]
    [TestCase(true, WaitMode.Polled, false, 2)]
    [TestCase(true, WaitMode.Hybrid, true, 1)]
    public void A_device_on_a_thread_of_its_own_is_never_slept_over(
        bool isInTrouble, WaitMode mode, bool hasClaims, int queues)
    {
        int seed = FuzzSeed.Given ?? FuzzSeed.Draw();
        TestContext.Out.WriteLine(FuzzSeed.Describe(seed));
        int rounds = Nightly.Cases(100, 5_000);
        using ModelBench<BlockDevice> bench = DiskBench.Create(
            Users * SectorsPerUser, memory: new SimulatedDmaOptions(), queues: queues);
        bench.ExpectsViolations = true;
        bench.Model.OfferedFeatures = FeatureBit.Version1 | _features | (queues > 1 ? BlockFeature.MultiQueue : 0);
        HeldBackCompletion[] held = [.. Enumerable.Range(0, queues).Select(queue => bench.HoldRequests(queue))];
        bench.Machine.Messages.IsQueued = true;
        bench.Machine.Messages.HasClaims = hasClaims;
        Disk? disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out Failure? failure);
        Assert.That(disk, Is.Not.Null, failure?.ToString());
        Assert.That(disk!.Device.QueueCount, Is.EqualTo(queues));
        disk.WaitMode = mode;

        bool isOver = false;
        var failures = new List<string>();
        var device = new Thread(() => Guard(failures, () =>
        {
            var random = new Random(seed);
            while (!Volatile.Read(ref isOver))
            {
                bench.Machine.ActAsDevice(() => Act(bench, held, random, isInTrouble));
                Thread.SpinWait(random.Next(200));
            }
        }));
        var interrupts = new Thread(() => Guard(failures, () =>
        {
            var random = new Random(seed + 1);
            while (!Volatile.Read(ref isOver))
            {
                bench.Machine.Messages.Repeats = random.Next(20) == 0 ? 1 : 0;
                bench.Machine.Messages.Deliver();
                Thread.SpinWait(random.Next(200));
            }
        }));
        long done = 0;
        var users = new Thread[Users];
        for (int user = 0; user < Users; user++)
        {
            int own = user;
            users[user] = new Thread(() => Guard(failures, () => Use(disk, seed + 2 + own, own, rounds, ref done)));
            users[user].Start();
        }

        device.Start();
        interrupts.Start();
        bool isDone = WaitFor(users, ref done);
        int left = bench.Model.Queues.ToArray().Sum(queue => queue.Finished);
        string state = $"{FuzzSeed.Describe(seed)}: {disk.Device.State}, {left} at the device";
        if (!isDone)
        {
            // Whoever sleeps is to be gone before the memory is.
            disk.Remove();
            Array.ForEach(users, user => user.Join(s_timeout));
        }

        Volatile.Write(ref isOver, true);
        device.Join();
        interrupts.Join();
        Assert.That(isDone, Is.True, "somebody sleeps: " + state);
        lock (failures)
        {
            Assert.That(failures, Is.Empty, state);
        }
    }

    /// <summary>Waits for users, as long as anything comes of what they do.</summary>
    private static bool WaitFor(Thread[] users, ref long done)
    {
        long last = -1;
        var quiet = Stopwatch.StartNew();
        foreach (Thread user in users)
        {
            while (!user.Join(TimeSpan.FromMilliseconds(100)))
            {
                long now = Interlocked.Read(ref done);
                if (now != last)
                {
                    last = now;
                    quiet.Restart();
                }
                else if (quiet.Elapsed > s_timeout)
                {
                    return false;
                }
            }
        }

        return true;
    }

    private static void Guard(List<string> failures, Action work)
    {
        try
        {
            work();
        }
        catch (Exception exception)
        {
            lock (failures)
            {
                failures.Add(exception.ToString());
            }
        }
    }

    private static void Act(
        ModelBench<BlockDevice> bench, HeldBackCompletion[] held, Random random, bool isInTrouble)
    {
        BlockDevice device = bench.Model;
        int index = random.Next(held.Length);
        ModelQueue queue = device.Queues[index];
        if (!device.IsRunning)
        {
            return;
        }

        if (queue.Finished > 0)
        {
            bench.Complete(held[index], random.Next(queue.Finished));
        }

        int what = random.Next(2000);
        if (what < 20)
        {
            device.SendUsedNotification(queue);
        }
        else if (isInTrouble && what < 25)
        {
            // One minute of quiet before each, so that it is never given up.
            bench.Machine.Time.Advance(DeviceRecovery.AttemptsForgottenAfter);
            device.SetNeedsReset("for the test");
        }
        else if (isInTrouble && what < 30 && queue.Finished > 0)
        {
            bench.Machine.Time.Advance(DeviceRecovery.AttemptsForgottenAfter);
            if (queue.Ring!.Forge(0xFFFF, 1))
            {
                device.SendUsedNotification(queue);
            }
        }
    }

    private static void Use(Disk disk, int seed, int user, int rounds, ref long done)
    {
        var random = new Random(seed);
        byte[] written = new byte[SectorsPerUser * 512];
        byte[] read = new byte[SectorsPerUser * 512];
        BlockStatus beginning = disk.Write((ulong)(user * SectorsPerUser), written);
        Require(beginning is BlockStatus.Ok or BlockStatus.Aborted, $"the first write ends with {beginning}");
        for (int round = 0; round < rounds; round++)
        {
            int first = random.Next(SectorsPerUser);
            int count = 1 + random.Next(Math.Min(8, SectorsPerUser - first));
            Span<byte> part = written.AsSpan(first * 512, count * 512);
            ulong sector = (ulong)((user * SectorsPerUser) + first);
            random.NextBytes(part);
            BlockStatus status;
            do
            {
                // What met trouble twice was not done; whoever wants it sends it again.
                status = disk.Write(sector, part);
            }
            while (status == BlockStatus.Aborted);
            Require(status == BlockStatus.Ok, $"a write ends with {status}");
            do
            {
                status = disk.Read(sector, read.AsSpan(0, count * 512));
            }
            while (status == BlockStatus.Aborted);
            Require(status == BlockStatus.Ok, $"a read ends with {status}");
            Require(read.AsSpan(0, count * 512).SequenceEqual(part), $"sector {sector} has other bytes");
            Interlocked.Increment(ref done);
        }
    }

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException(what);
        }
    }
}
