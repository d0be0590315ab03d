using System;
using System.Collections.Generic;
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
/// A disk whose device acts once between any two steps of the driver: before each access to memory or registers and
/// before each hand-over of a short story. Whatever it does then, no exception escapes, every request ends once, a
/// device in trouble is recovered or named as given up, and a ring with work never sleeps.
/// </summary>
[TestFixture]
internal sealed class DiskInterruptionTests
{
    private const int Sectors = 64;
    private const int MostSteps = 5000;

    private static readonly ulong[] s_forms =
    [
        0,
        FeatureBit.IndirectDescriptors | FeatureBit.EventIndex,
        FeatureBit.RingPacked,
        FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex,
    ];

    /// <summary>What a device does.</summary>
    public enum Deed
    {
        /// <summary>Completes all that it finds.</summary>
        Serve,

        /// <summary>Completes one that it has had for a while.</summary>
        ServeOne,

        /// <summary>Uses a buffer that is none.</summary>
        Forge,

        /// <summary>Says that it used more than it was given.</summary>
        Jump,

        /// <summary>Asks for a reset.</summary>
        AskForReset,

        /// <summary>Asks for a reset, and does not confirm it.</summary>
        Hang,

        /// <summary>Asks for a reset, and comes back with a small queue.</summary>
        Shrink,

        /// <summary>Asks for a reset again as soon as it is live.</summary>
        AskAgain,
    }

    [Test]
    public void Whenever_the_device_acts_every_request_ends_once(
        [Values] Deed deed, [Values] Delivery delivery, [Values] bool isCoherent)
    {
        foreach (ulong form in s_forms)
        {
            // A reset that is not confirmed takes a second of looks.
            int stride = deed == Deed.Hang ? Nightly.Cases(499, 13) : Nightly.Cases(29, 1);
            int steps = ((int)deed + (int)delivery) % stride;
            while (Run(form, deed, delivery, isCoherent, steps))
            {
                steps += stride;
                Assert.That(steps, Is.LessThan(MostSteps));
            }

            Assert.That(steps, Is.GreaterThan(30));
        }
    }

    private static bool Run(ulong form, Deed deed, Delivery delivery, bool isCoherent, int step)
    {
        var options = new SimulatedDmaOptions { WatchesHandOvers = !isCoherent };
        using ModelBench<BlockDevice> bench = DiskBench.Create(Sectors, memory: options);
        bench.ExpectsViolations = true;
        bench.Model.OfferedFeatures = FeatureBit.Version1 | form;
        bench.Machine.Messages.IsQueued = true;
        new Random(3).NextBytes(bench.Model.Disk);
        string where = $"form {form:x}, {deed}, {delivery}, coherent {isCoherent}: the device acts at step {step}";
        return Located.Run(where, () => new Story(bench, delivery).Run(step, deed));
    }

    private sealed class Story
    {
        private readonly ModelBench<BlockDevice> _bench;
        private readonly HeldBackCompletion _held;
        private readonly Delivery _delivery;
        private readonly Disk _disk;
        private readonly List<(DiskRequest Transfer, BlockOperation Operation, int Sector)> _started = [];
        private bool _isHeldBack;
        private bool _hasActed;

        public Story(ModelBench<BlockDevice> bench, Delivery delivery)
        {
            _bench = bench;
            _held = bench.HoldRequests();
            _delivery = delivery;
            bench.Machine.Messages.Repeats = delivery == Delivery.Twice ? 1 : 0;
            Disk? disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out Failure? failure);
            Assert.That(disk, Is.Not.Null, failure?.ToString());
            _disk = disk!;
        }

        private ModelQueue Queue => _bench.Model.Queues[0];

        public bool Run(int step, Deed deed)
        {
            bool isReached;
            using (Steps steps = _bench.CountSteps())
            {
                steps.Arm(step, () => Do(deed));
                Start(BlockOperation.Read, 7);
                Start(BlockOperation.Write, 9);
                Settle();
                CompleteOne();
                Settle();
                Start(BlockOperation.Read, 20);
                Start(BlockOperation.Read, 21);
                Settle();
                CompleteOne();
                CompleteOne();
                Settle();
                Start(BlockOperation.Flush, 0);
                Settle();
                isReached = !steps.IsPending;
            }

            _bench.Model.BeforeLive = null;
            for (int round = 0; round < 3; round++)
            {
                CompleteAll();
                _isHeldBack = true;
                Settle();
            }

            foreach ((DiskRequest transfer, BlockOperation operation, int sector) in _started)
            {
                Check(!transfer.IsInFlight, $"the {transfer.Description} does not end");
                if (operation == BlockOperation.Read && transfer.Status == BlockStatus.Ok)
                {
                    ReadOnlySpan<byte> expected = _bench.Model.Disk.Slice(sector * 512, 512);
                    Check(transfer.Buffer[..512].SequenceEqual(expected), $"sector {sector} is another one");
                }
            }

            return isReached;
        }

        private static void Check(bool condition, string what)
        {
            if (!condition)
            {
                Assert.Fail(what);
            }
        }

        private void Start(BlockOperation operation, int sector)
        {
            if (_delivery == Delivery.Early)
            {
                _bench.Model.SendUsedNotification(Queue);
                _bench.Machine.Messages.Deliver();
            }

            DiskRequest? transfer = _disk.Rent();
            if (transfer is null)
            {
                Check(!_disk.IsUsable, "there are transfers");
                return;
            }

            int count = operation == BlockOperation.Flush ? 0 : 1;
            BlockStatus status = _disk.Start(transfer, operation, (ulong)sector, count);
            if (status == BlockStatus.Ok)
            {
                _started.Add((transfer, operation, sector));
            }
            else
            {
                Check(status == BlockStatus.NotRunning && !_disk.IsUsable, $"a start fails: {status}");
            }
        }

        // Everything that is on its way arrives, and then nobody may sleep over work.
        private void Settle()
        {
            if (_delivery == Delivery.Late)
            {
                _isHeldBack = !_isHeldBack;
                if (_isHeldBack)
                {
                    return;
                }
            }

            for (int round = 0; round < 4; round++)
            {
                if (_hasActed)
                {
                    // What comes during a look is found by the next one.
                    _hasActed = false;
                    round = 0;
                }

                if (_delivery == Delivery.Never)
                {
                    _disk.LookAtClock();
                }
                else
                {
                    _bench.Machine.Messages.Deliver();
                }
            }

            if (_hasActed)
            {
                _isHeldBack = true;
                Settle();
                return;
            }

            int inFlight = _started.FindAll(started => started.Transfer.IsInFlight).Count;
            int held = Queue.Finished;
            if (_disk.IsUsable)
            {
                Check(_disk.Device.State == DeviceState.Running, $"the device is {_disk.Device.State}");

                // What the small queue has no room for waits for what it holds.
                bool mayWait = Queue.MaximumSize == 4 && held != 0;
                Check(inFlight == held || (mayWait && inFlight > held), $"{inFlight} in flight, {held} at the device");
            }
            else
            {
                Check(inFlight == 0, $"{inFlight} in flight at no device");
                Check(_disk.Device.State is DeviceState.Stopped or DeviceState.Abandoned, "it is stopped");
                Check(_bench.Machine.Lines.HasWarned("given up"), "it is named");
            }
        }

        private void CompleteOne()
        {
            if (Queue.Finished > 0 && _bench.Model.IsRunning)
            {
                _bench.Complete(_held, 0);
            }
        }

        private void CompleteAll()
        {
            while (Queue.Finished > 0 && _bench.Model.IsRunning)
            {
                _bench.Complete(_held, 0);
            }
        }

        private void Forge(ushort id, int slots = 1)
        {
            if (Queue.Ring!.Forge(id, slots: slots))
            {
                _bench.Model.SendUsedNotification(Queue);
            }
        }

        private void Do(Deed deed)
        {
            _hasActed = true;
            BlockDevice device = _bench.Model;
            if (!device.IsRunning)
            {
                return;
            }

            switch (deed)
            {
                case Deed.Serve:
                    device.Wake(Queue);
                    device.Run();
                    CompleteAll();
                    break;
                case Deed.ServeOne:
                    CompleteOne();
                    break;
                case Deed.Forge when Queue.Finished > 0:
                    Forge(0xFFFF);
                    break;
                case Deed.Jump when Queue.Finished > 0:
                    bool isPacked = (device.DriverFeatures & FeatureBit.RingPacked) != 0;
                    Forge(0xFFFE, isPacked ? 1 : 200);
                    break;
                case Deed.Hang:
                    device.ResetDelay = int.MaxValue;
                    device.SetNeedsReset("it hangs");
                    break;
                case Deed.Shrink:
                    Queue.MaximumSize = 4;
                    device.SetNeedsReset("it shrinks");
                    break;
                case Deed.AskAgain:
                    device.BeforeLive = () => device.SetNeedsReset("again");
                    device.SetNeedsReset("once");
                    break;
                default:
                    device.SetNeedsReset("for the test");
                    break;
            }
        }
    }
}

/// <summary>How interrupts reach a service.</summary>
public enum Delivery
{
    /// <summary>Once, as soon as nobody holds the service's lock.</summary>
    Once,

    /// <summary>Twice.</summary>
    Twice,

    /// <summary>Once, and before anything happened as well.</summary>
    Early,

    /// <summary>Only after the next thing that is done.</summary>
    Late,

    /// <summary>Not at all; whoever waits looks at the clock.</summary>
    Never,
}

/// <summary>Where a story was when it failed.</summary>
internal static class Located
{
    /// <summary>Runs something, and tells where it was if it fails.</summary>
    /// <param name="where">The place, in words.</param>
    /// <param name="run">What is run.</param>
    public static bool Run(string where, Func<bool> run)
    {
        try
        {
            return run();
        }
        catch (Exception exception) when (exception is not ResultStateException)
        {
            Assert.Fail($"{where}: {exception}");
            throw;
        }
        catch (AssertionException exception)
        {
            throw new AssertionException($"{where}: {exception.Message}", exception);
        }
    }
}
