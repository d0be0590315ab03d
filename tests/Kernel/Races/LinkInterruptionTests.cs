using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Net;
using VirtioGuest.Simulation;

namespace VirtioGuest.Kernel.Tests.Races;

/// <summary>
/// A link whose device acts once between any two steps of the driver. Whatever it does then, no exception escapes, a
/// device in trouble is recovered or named as given up, and frames that arrived do not lie about.
/// </summary>
[TestFixture]
internal sealed class LinkInterruptionTests
{
    private const int MostSteps = 20_000;

    private static readonly byte[] s_mac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];

    private static readonly ulong[] s_forms =
    [
        0,
        FeatureBit.EventIndex,
        FeatureBit.RingPacked,
        FeatureBit.RingPacked | FeatureBit.IndirectDescriptors | FeatureBit.EventIndex,
    ];

    // Who has 10.0.0.1? Tell 10.0.0.2, whose station is 02:00:00:00:00:02.
    private static readonly byte[] s_arpRequest = Convert.FromHexString(
        "FFFFFFFFFFFF" + "020000000002" + "0806"
        + "0001" + "0800" + "06" + "04" + "0001"
        + "020000000002" + "0A000002" + "000000000000" + "0A000001" + new string('0', 36));

    /// <summary>What a device does.</summary>
    public enum Deed
    {
        /// <summary>Delivers a frame.</summary>
        Deliver,

        /// <summary>Delivers a frame and fills all other buffers.</summary>
        Flood,

        /// <summary>Uses a receive buffer that is none.</summary>
        ForgeReceive,

        /// <summary>Says that it used more receive buffers than there are.</summary>
        Jump,

        /// <summary>Uses a transmit buffer that is none.</summary>
        ForgeTransmit,

        /// <summary>Asks for a reset.</summary>
        AskForReset,

        /// <summary>Asks for a reset, and does not confirm it.</summary>
        Hang,

        /// <summary>Asks for a reset, and comes back with small queues.</summary>
        Shrink,
    }

    [Test]
    public void Whenever_the_device_acts_nothing_lies_about(
        [Values] Deed deed, [Values(Delivery.Once, Delivery.Twice, Delivery.Early, Delivery.Late)] Delivery delivery)
    {
        foreach (ulong form in s_forms)
        {
            // A reset that is not confirmed takes a second of looks.
            int stride = deed == Deed.Hang ? Nightly.Cases(499, 13) : Nightly.Cases(29, 1);
            int steps = ((int)deed + (int)delivery) % stride;
            while (Run(form, deed, delivery, steps))
            {
                steps += stride;
                Assert.That(steps, Is.LessThan(MostSteps));
            }

            Assert.That(steps, Is.GreaterThan(30));
        }
    }

    [Test]
    public void Whenever_a_new_device_asks_for_a_reset_the_link_works_in_the_end([Values] bool isDisk)
    {
        int steps = 0;
        while (isDisk ? CreateDisk(steps) : CreateLink(steps))
        {
            steps++;
            Assert.That(steps, Is.LessThan(MostSteps));
        }

        Assert.That(steps, Is.GreaterThan(30));
    }

    private static bool CreateDisk(int step)
    {
        using ModelBench<BlockDevice> bench = DiskBench.Create();
        bench.ExpectsViolations = true;
        bench.Machine.Messages.IsQueued = true;
        Disk? disk;
        Failure? failure;
        bool isReached;
        var transport = bench.OpenTransport();
        using (Steps steps = bench.CountSteps())
        {
            steps.Arm(step, () => AskAtOnce(bench));
            disk = Disk.TryCreate(transport, "disk0", out failure);
            isReached = !steps.IsPending;
        }

        bench.Machine.Messages.Deliver();
        Assert.That(disk is null, Is.EqualTo(failure is not null), $"step {step}");
        Assert.That(disk?.Device.State, Is.EqualTo(DeviceState.Running).Or.Null, $"step {step}");
        return isReached;
    }

    private static bool CreateLink(int step)
    {
        using ModelBench<NetDevice> bench = NewBench(0);
        VirtioLink? link;
        Failure? failure;
        bool isReached;
        var transport = bench.OpenTransport();
        NetworkPort? port = null;
        using (Steps steps = bench.CountSteps())
        {
            steps.Arm(step, () => AskAtOnce(bench));
            link = VirtioLink.TryCreate(transport, "net0", out failure);
            if (link is not null)
            {
                port = new NetworkPort("net0", link);
                link.Connect(port.Stack);
            }

            isReached = !steps.IsPending;
        }

        bench.Machine.Messages.Deliver();
        Assert.That(link is null, Is.EqualTo(failure is not null), $"step {step}");
        if (port is not null)
        {
            Assert.That(link!.IsUp, Is.True, $"step {step}: {link.Device.State}");
            Assert.That(bench.Deliver(s_arpRequest), Is.True, $"step {step}");
            bench.Machine.Messages.Deliver();
            Assert.That(port.Stack.GetStatistics().FramesReceived, Is.EqualTo(1), $"step {step}");
        }

        return isReached;
    }

    // Its interrupt arrives before anybody is there to be told, if it does at all.
    private static void AskAtOnce<T>(ModelBench<T> bench)
        where T : VirtioDeviceModel
    {
        if (bench.Model.IsRunning)
        {
            bench.Model.SetNeedsReset("at once");
            bench.Machine.Messages.Deliver();
        }
    }

    private static bool Run(ulong form, Deed deed, Delivery delivery, int step)
    {
        using ModelBench<NetDevice> bench = NewBench(form);
        string where = $"form {form:x}, {deed}, {delivery}: the device acts at step {step}";
        return Located.Run(where, () => new Story(bench, delivery).Run(step, deed));
    }

    private static ModelBench<NetDevice> NewBench(ulong form)
    {
        ModelBench<NetDevice> bench = NetBench.Create(s_mac);
        bench.ExpectsViolations = true;
        bench.SetQueueSize(4);
        bench.Model.OfferedFeatures = FeatureBit.Version1 | NetFeature.Mac | form;
        bench.Model.DropsWithoutBuffer = true;
        bench.Machine.Messages.IsQueued = true;
        return bench;
    }

    private sealed class Story
    {
        private readonly ModelBench<NetDevice> _bench;
        private readonly Delivery _delivery;
        private readonly NetworkPort _port;
        private readonly VirtioLink _link;
        private readonly Queue<Action> _elsewhere = new();
        private bool _isLookDue;
        private bool _isHeldBack;
        private int _forged;
        private ulong _delivered;
        private int _lives;

        public Story(ModelBench<NetDevice> bench, Delivery delivery)
        {
            _bench = bench;
            _delivery = delivery;
            bench.Machine.Messages.Repeats = delivery == Delivery.Twice ? 1 : 0;
            VirtioLink? link = VirtioLink.TryCreate(bench.OpenTransport(), "net0", out Failure? failure);
            Assert.That(link, Is.Not.Null, failure?.ToString());
            _link = link!;
            _link.Elsewhere = _elsewhere.Enqueue;
            _link.PlanLook = () => _isLookDue = true;
            _port = new NetworkPort("net0", _link);
            _link.Connect(_port.Stack);
            _port.Stack.TrySetStatic(IPv4Address.Parse("10.0.0.1"), 24, IPv4Address.Any);
            Settle();
        }

        private ModelQueue Receive => _bench.Model.Queues[NetDevice.ReceiveQueue];

        private ModelQueue Transmit => _bench.Model.Queues[NetDevice.TransmitQueue];

        public bool Run(int step, Deed deed)
        {
            bool isReached;
            using (Steps steps = _bench.CountSteps())
            {
                steps.Arm(step, () => Do(deed));
                Deliver();
                Settle();
                _link.TrySendNow(s_arpRequest);
                Settle();
                Deliver();
                Deliver();
                Settle();
                var held = new HeldBackCompletion();
                Transmit.Policy = held;
                for (int i = 0; i < 6; i++)
                {
                    _link.TrySendNow(s_arpRequest);
                }

                Settle();

                // With a used entry for each buffer besides the forged one it would overwrite that before the driver
                // looks: no better than a device that never answers, which nobody can tell from a slow one.
                while (Transmit.Finished > _forged && _bench.Model.IsRunning)
                {
                    _bench.Complete(held, 0);
                }

                Transmit.Policy = new InOrderCompletion();
                Settle();
                _link.TrySendNow(s_arpRequest);
                Settle();
                isReached = !steps.IsPending;
            }

            _isHeldBack = true;
            Settle();
            if (_link.Device.State == DeviceState.Running)
            {
                Deliver();
                Settle();
                _isHeldBack = true;
                Settle();
                int before = _bench.Model.SentFrames.Count;

                // What was forged in the transmit queue may be found only now.
                for (int attempt = 0; attempt < 5 && !_link.TrySendNow(s_arpRequest); attempt++)
                {
                    Settle();
                    _isHeldBack = true;
                }

                Check(_bench.Model.SentFrames.Count == before + 1, "a frame is sent in the end");
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

        private void Deliver()
        {
            if (_delivery == Delivery.Early)
            {
                _bench.Model.SendUsedNotification(Receive);
                _bench.Machine.Messages.Deliver();
            }

            TryReceive();
        }

        // A frame that comes while there is no buffer is lost, and nobody's fault.
        private bool TryReceive()
        {
            int dropped = _bench.Model.Dropped;
            bool isReceived = _bench.Model.IsRunning && _bench.Deliver(s_arpRequest)
                && _bench.Model.Dropped == dropped;
            _delivered += isReceived ? 1UL : 0;
            return isReceived;
        }

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

            for (int round = 0; round < 10; round++)
            {
                _bench.Machine.Messages.Deliver();
                while (_elsewhere.TryDequeue(out Action? work))
                {
                    work();
                }

                if (_isLookDue && round == 0)
                {
                    _isLookDue = false;
                    _link.LookAfterTransmitted();
                }
            }

            DeviceState state = _link.Device.State;
            bool isGivenUp = _bench.Machine.Lines.HasWarned("given up");
            Check(
                state == DeviceState.Running
                    || (isGivenUp && state is DeviceState.Stopped or DeviceState.Abandoned),
                $"a device in trouble has nobody who looks after it: it is {state}");
            if (isGivenUp)
            {
                return;
            }

            // What was in a ring when the device was reset is lost, as frames may be.
            int lives = _link.Device.Describe().Restarts;
            ulong received = (ulong)_port.Stack.GetStatistics().FramesReceived;
            Check(received == _delivered || lives != _lives, $"{received} frames received of {_delivered}");
            _lives = lives;
            _delivered = received;
        }

        private void Forge(ModelQueue queue, int slots)
        {
            if (queue.Ring!.Forge(0xFFFF, 1, slots))
            {
                _bench.Model.SendUsedNotification(queue);
            }
        }

        private void Do(Deed deed)
        {
            NetDevice device = _bench.Model;
            if (!device.IsRunning)
            {
                return;
            }

            switch (deed)
            {
                case Deed.Deliver:
                    TryReceive();
                    break;
                case Deed.Flood:
                    while (TryReceive())
                    {
                    }

                    break;
                case Deed.ForgeReceive:
                    Forge(Receive, 1);
                    break;
                case Deed.Jump when (device.DriverFeatures & FeatureBit.RingPacked) == 0:
                    Forge(Receive, 200);
                    break;
                case Deed.ForgeTransmit when Transmit.Finished > 0:
                    _forged++;
                    Forge(Transmit, 1);
                    break;
                case Deed.Hang:
                    device.ResetDelay = int.MaxValue;
                    device.SetNeedsReset("it hangs");
                    break;
                case Deed.Shrink:
                    _bench.SetQueueSize(2);
                    device.SetNeedsReset("it shrinks");
                    break;
                default:
                    device.SetNeedsReset("for the test");
                    break;
            }
        }
    }
}
