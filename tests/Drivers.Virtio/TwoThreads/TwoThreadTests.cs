using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.TwoThreads;

/// <summary>
/// Driver and device on two real threads for a bounded time: real payloads, kicks and interrupts that really block.
/// Every request is answered once and right, and nobody sleeps for ever.
/// </summary>
public class TwoThreadTests
{
    private const int TableLength = 4;

    /// <summary>How many requests there are at least, however little of the processors there is for this.</summary>
    private const int Fewest = 100;

    private static TimeSpan Running => TimeSpan.FromSeconds(Nightly.IsOn ? 2.5 : 0.04);

    private static TimeSpan Finishing => TimeSpan.FromSeconds(30);

    private static IEnumerable<Features> Forms
    {
        get
        {
            foreach (Features form in QueueForms.All)
            {
                yield return form;
                yield return form | Features.NotificationData;
            }
        }
    }

    [Test]
    public void Every_request_is_answered_and_no_wakeup_is_lost(
        [ValueSource(nameof(Forms))] Features features, [Values(3, 17)] int maximum)
    {
        using SimulatedDma memory = new SimulatedDma();
        using Doorbell kick = new Doorbell();
        using Doorbell interrupt = new Doorbell();
        int size = Virtqueue.LargestSize(features, maximum);
        int seed = FuzzSeed.Given ?? FuzzSeed.Draw();
        Virtqueue queue = Virtqueue.TryCreate(memory, 0, size, features, new ChainShape(TableLength))!;
        DeviceQueue other = DeviceQueue.TryOpen(
            memory.GuestMemory,
            new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea),
            size,
            (ulong)features,
            out _)!;
        bool hasPlaces = (features & Features.NotificationData) != 0;
        ThreadedDriver driver = new ThreadedDriver(memory, queue, kick, interrupt, seed);
        ThreadedDevice device = new ThreadedDevice(other, kick, interrupt, seed + 1, hasPlaces);
        Thread thread = new Thread(device.Run) { IsBackground = true };
        thread.Start();
        try
        {
            Drive(queue, driver, device);
        }
        catch (Exception exception)
        {
            throw new InvalidOperationException(
                $"{FuzzSeed.Describe(seed)}\n{driver}\n{device}\nkick {kick}\ninterrupt {interrupt}\n"
                + Describe(memory, queue),
                device.Failure ?? exception);
        }
        finally
        {
            device.Stop();
            Assert.That(thread.Join(Finishing), Is.True, "the device's thread ends");
        }

        memory.CheckGuards();
        Assert.That(memory.Violations, Is.Empty);
        Assert.That(device.Failure, Is.Null);
        Assert.That(queue.Used, Is.EqualTo(queue.Added));
        TestContext.Out.WriteLine($"{driver.Added} requests, {driver.Sleeps} sleeps, kick {kick}");
    }

    private static void Drive(Virtqueue queue, ThreadedDriver driver, ThreadedDevice device)
    {
        Stopwatch time = Stopwatch.StartNew();
        while (time.Elapsed < Running || driver.Added < Fewest)
        {
            driver.TryAddBatch();
            driver.TakeOrWait();
            if (device.Failure != null || time.Elapsed > Running + Finishing)
            {
                throw new TimeoutException("the device ended, or everything is far too slow");
            }
        }

        while (queue.InFlight != 0)
        {
            driver.TakeOrWait();
            if (device.Failure != null || time.Elapsed > Running + Finishing)
            {
                throw new TimeoutException("the last answers do not come");
            }
        }
    }

    /// <summary>What both sides see of each other's suppression, for whoever has to find a lost wake-up.</summary>
    private static string Describe(SimulatedDma memory, Virtqueue queue)
    {
        byte[] driverArea = new byte[4];
        byte[] deviceArea = new byte[4];
        memory.GuestMemory.TryRead(queue.DriverArea, driverArea);
        memory.GuestMemory.TryRead(queue.DeviceArea, deviceArea);
        return $"driver area {Convert.ToHexString(driverArea)}, device area {Convert.ToHexString(deviceArea)}";
    }
}
