using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Simulation;
using SimulatedMachine = VirtioGuest.Drivers.Virtio.Tests.Simulation.SimulatedMachine;

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
        RingModel.IndirectDesc | RingModel.EventIdx,
        SimulatedDevice.RingPacked,
        SimulatedDevice.RingPacked | RingModel.IndirectDesc | RingModel.EventIdx,
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
        var machine = new SimulatedMachine { Memory = new SimulatedDma(options) };
        using DeviceBench<SimulatedDisk> bench = Bench.Disk(Sectors, machine);
        bench.ExpectsViolations = true;
        bench.Device.Offered = SimulatedDevice.Version1 | form;
        bench.Device.HoldsRequests = true;
        bench.Device.ForgetsAtReset = true;
        bench.Machine.Messages.IsQueued = true;
        new Random(3).NextBytes(bench.Device.Content);
        string where = $"form {form:x}, {deed}, {delivery}, coherent {isCoherent}: the device acts at step {step}";
        return Steps.Tell(where, () => new Story(bench, delivery).Run(step, deed));
    }

    private sealed class Story
    {
        private readonly DeviceBench<SimulatedDisk> _bench;
        private readonly Delivery _delivery;
        private readonly Disk _disk;
        private readonly List<(DiskRequest Transfer, BlockOperation Operation, int Sector)> _started = [];
        private bool _isHeldBack;
        private bool _hasActed;

        public Story(DeviceBench<SimulatedDisk> bench, Delivery delivery)
        {
            _bench = bench;
            _delivery = delivery;
            Disk? disk = Disk.TryCreate(bench.OpenTransport(), "disk0", out Failure? failure);
            Assert.That(disk, Is.Not.Null, failure?.ToString());
            _disk = disk!;
        }

        public bool Run(int step, Deed deed)
        {
            bool isReached;
            using (var steps = new Steps(_bench.Machine, step, () => Do(deed)))
            {
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

            _bench.Device.NeedsResetAtOnce = false;
            for (int round = 0; round < 3; round++)
            {
                CompleteAll();
                _isHeldBack = true;
                Settle();
            }

            foreach ((DiskRequest transfer, BlockOperation operation, int sector) in _started)
            {
                Check(!transfer.IsInFlight, $"the {transfer.Description} does not end");
                Check(transfer.TryWait(TimeSpan.Zero, out BlockStatus status), "it ends");
                if (operation == BlockOperation.Read && status == BlockStatus.Ok)
                {
                    ReadOnlySpan<byte> expected = _bench.Device.Content.Slice(sector * 512, 512);
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
                _bench.Device.InterruptQueue(0);
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
                    _bench.Machine.Messages.Deliver(_delivery == Delivery.Twice ? 2 : 1);
                }
            }

            if (_hasActed)
            {
                _isHeldBack = true;
                Settle();
                return;
            }

            int inFlight = _started.FindAll(started => started.Transfer.IsInFlight).Count;
            int held = _bench.Device.Held;
            if (_disk.IsUsable)
            {
                Check(_disk.Device.State == DeviceState.Running, $"the device is {_disk.Device.State}");

                // What the small queue has no room for waits for what it holds.
                bool mayWait = _bench.Device.MaximumQueueSize == 4 && held != 0;
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
            if (_bench.Device.Held > 0)
            {
                _bench.Device.CompleteHeld(0);
            }
        }

        private void CompleteAll()
        {
            while (_bench.Device.Held > 0)
            {
                _bench.Device.CompleteHeld(0);
            }
        }

        private void Do(Deed deed)
        {
            _hasActed = true;
            SimulatedDisk device = _bench.Device;
            if (!device.IsLive)
            {
                return;
            }

            switch (deed)
            {
                case Deed.Serve:
                    device.Poll();
                    CompleteAll();
                    break;
                case Deed.ServeOne:
                    CompleteOne();
                    break;
                case Deed.Forge when device.Held > 0:
                    device.Ring(0).WriteUsed(0xFFFF, 1, 1);
                    device.InterruptQueueIfWanted(0);
                    break;
                case Deed.Jump when device.Held > 0:
                    Jump(device);
                    device.InterruptQueueIfWanted(0);
                    break;
                case Deed.Hang:
                    device.LooksPerReset = -1;
                    device.SetNeedsReset();
                    break;
                case Deed.Shrink:
                    device.MaximumQueueSize = 4;
                    device.SetNeedsReset();
                    break;
                case Deed.AskAgain:
                    device.NeedsResetAtOnce = true;
                    device.SetNeedsReset();
                    break;
                default:
                    device.SetNeedsReset();
                    break;
            }
        }

        private static void Jump(SimulatedDisk device)
        {
            if (device.Ring(0) is SplitRingModel split)
            {
                split.SetUsedIndex((ushort)(split.UsedIndex + 200));
            }
            else
            {
                device.Ring(0).WriteUsed(0xFFFE, 1, 1);
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
