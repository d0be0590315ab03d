using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Conformance;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.VhostUser.Tests.Harness;

namespace VirtioGuest.VhostUser.Tests;

/// <summary>
/// The judge sees the rings of a driver in another process: right ones keep everything, wrong ones are named.
/// </summary>
[TestFixture(false, false)]
[TestFixture(false, true)]
[TestFixture(true, false)]
[TestFixture(true, true)]
public sealed class RingWatchTests(bool isPacked, bool hasEvents)
{
    private ulong Features => FeatureBit.Version1 | (isPacked ? FeatureBit.RingPacked : 0)
        | (hasEvents ? FeatureBit.EventIndex : 0);

    private string Due => isPacked ? "drv.packed.23" : hasEvents ? "drv.split.24" : "drv.split.22";

    private string Spared => isPacked ? "drv.packed.24" : hasEvents ? "drv.split.25" : "drv.split.21";

    [Test]
    public void A_right_driver_keeps_everything_that_is_judged()
    {
        IReadOnlyList<Verdict> verdicts = Run((front, driver) => Work(front, driver, 40));

        string[] passed = Ids(verdicts, Outcome.Pass);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(Ids(verdicts, Outcome.Fail), Is.Empty);
            Assert.That(passed, Does.Contain(Due).And.Contain("drv.blk.12").And.Contain("drv.blk.29"));
            Assert.That(passed, Does.Contain(isPacked ? "drv.packed.3" : "drv.general.28"));
        }
    }

    [Test]
    public void A_queue_that_was_stopped_goes_on_where_it_was()
    {
        IReadOnlyList<Verdict> verdicts = Run((front, driver) =>
        {
            for (int i = 1; i <= 3; i++)
            {
                Work(front, driver, 7 * i);
                uint place = front.StopQueue(0);
                front.Send(2, Features | (1UL << 30));
                driver.Open(front, place);
            }

            Work(front, driver, 30);
        });

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Ids(verdicts, Outcome.Fail), Is.Empty);
            Assert.That(Ids(verdicts, Outcome.Pass), Does.Contain(Due));
            Assert.That(verdicts.Single(each => each.Requirement.Id == "drv.blk.29").Checked, Is.EqualTo(30));
        }
    }

    [Test]
    public void A_buffer_that_nobody_is_told_of_is_found_and_the_driver_goes_on()
    {
        Clock clock = new();
        IReadOnlyList<Verdict> verdicts = Run(
            (front, driver) =>
            {
                Work(front, driver, 5);
                driver.Add(RingDriver.In, 0);
                clock.IsRunning = true;
                driver.Await(6);
            },
            clock: clock);

        Assert.That(Ids(verdicts, Outcome.Fail), Is.EqualTo(new[] { Due }));
    }

    [Test]
    public void A_descriptor_that_changes_while_the_device_has_it_is_found()
    {
        SharedMemoryFile? memory = null;
        RingDriver? changed = null;
        IReadOnlyList<Verdict> verdicts = Run(
            (front, driver) =>
            {
                (memory, changed) = (front.Memory, driver);
                Work(front, driver, 1);
            },
            disk => disk.Faults = new Meanwhile(() =>
                memory!.Write32(changed!.LastDescriptor + 8, 17)));

        Assert.That(
            Ids(verdicts, Outcome.Fail), Is.EqualTo(new[] { isPacked ? "drv.packed.3" : "drv.general.28" }));
    }

    [Test]
    public void Notifications_to_a_device_that_polls_are_found()
    {
        IReadOnlyList<Verdict> verdicts = Run((front, driver) => Work(front, driver, 200), Poll);

        Assert.That(Ids(verdicts, Outcome.Fail), Is.EqualTo(new[] { Spared }));
    }

    [Test]
    public void A_driver_that_sends_none_to_a_device_that_polls_keeps_everything()
    {
        IReadOnlyList<Verdict> verdicts = Run(
            (front, driver) =>
            {
                for (int i = 1; i <= 40; i++)
                {
                    driver.Add(RingDriver.In, 0);
                    driver.Await(i);
                }
            },
            Poll);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Ids(verdicts, Outcome.Fail), Is.Empty);
            Assert.That(Ids(verdicts, Outcome.Pass), Does.Contain(Spared));
        }
    }

    [Test]
    public void A_request_beyond_the_capacity_is_found()
    {
        IReadOnlyList<Verdict> verdicts = Run((front, driver) =>
        {
            driver.Add(RingDriver.In, BackEnd.Sectors);
            front.Kick(0);
            driver.Await(1);
        });

        Assert.That(Ids(verdicts, Outcome.Fail), Is.EqualTo(new[] { "drv.blk.12" }));
    }

    [Test]
    public void A_table_that_was_not_negotiated_is_found()
    {
        IReadOnlyList<Verdict> verdicts = Run((front, driver) =>
        {
            Work(front, driver, 2);
            driver.Add(RingDriver.In, 0);
            ushort flags = (ushort)(front.Memory.Read16(driver.LastDescriptor + (isPacked ? 14u : 12)) | 4);
            front.Memory.Write16(driver.LastDescriptor + (isPacked ? 14u : 12), flags);
            front.Kick(0);
            Assert.That(front.IsLetGo(), Is.True);
        });

        Assert.That(
            Ids(verdicts, Outcome.Fail), Is.EqualTo(new[] { isPacked ? "drv.packed.12" : "drv.split.6" }));
    }

    [Test]
    public void Drivers_one_after_another_are_told_apart()
    {
        using BackEnd back = new();
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using (FrontEnd front = new(back.Socket, memory))
        {
            front.Start(Features);
            RingDriver driver = new(memory, isPacked);
            driver.Open(front);
            driver.Add(RingDriver.In, BackEnd.Sectors);
            front.Kick(0);
            driver.Await(1);
        }

        using SharedMemoryFile other = new(FrontEnd.MemoryLength);
        using (FrontEnd front = new(back.Socket, other))
        {
            front.Start(Features);
            RingDriver driver = new(other, isPacked);
            driver.Open(front);
            Work(front, driver, 3);
        }

        back.Stop();
        using (Assert.EnterMultipleScope())
        {
            Assert.That(back.Watch.Drivers, Is.EqualTo(2));
            Assert.That(Ids(back.Watch.Conclude(onlyLast: true), Outcome.Fail), Is.Empty);
            Assert.That(Ids(back.Watch.Conclude(onlyLast: false), Outcome.Fail), Is.EqualTo(new[] { "drv.blk.12" }));
        }
    }

    private static void Poll(BlockDevice disk) => disk.Queues[0].Notifications = NotificationMode.Never;

    private static void Work(FrontEnd front, RingDriver driver, int count)
    {
        while (driver.Completed < count)
        {
            int request = driver.Add(driver.Completed % 2 == 0 ? RingDriver.Out : RingDriver.In, 3, 0x5A);
            front.Kick(0);
            driver.Await(driver.Completed + 1);
            Assert.That(driver.StatusOf(request), Is.Zero);
        }
    }

    private static string[] Ids(IReadOnlyList<Verdict> verdicts, Outcome outcome) =>
        [.. verdicts.Where(each => each.Outcome == outcome).Select(each => each.Requirement.Id)];

    private IReadOnlyList<Verdict> Run(
        Action<FrontEnd, RingDriver> work, Action<BlockDevice>? prepare = null, Clock? clock = null)
    {
        using BackEnd back = new(prepare, clock);
        using SharedMemoryFile memory = new(FrontEnd.MemoryLength);
        using (FrontEnd front = new(back.Socket, memory))
        {
            front.Start(Features);
            RingDriver driver = new(memory, isPacked);
            driver.Open(front);
            work(front, driver);
        }

        back.Stop();
        return back.Watch.Conclude(onlyLast: false);
    }

    /// <summary>Does something while the device has a request.</summary>
    private sealed class Meanwhile(Action what) : BlockFaults
    {
        public override BlockStatus? Fault(uint type, ulong sector, ulong length)
        {
            what();
            return null;
        }
    }

    /// <summary>A clock that stands still at first, and then goes a minute at each look.</summary>
    private sealed class Clock : TimeProvider
    {
        private long _now;

        public volatile bool IsRunning;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => IsRunning ? Interlocked.Add(ref _now, 60) : _now;
    }
}
