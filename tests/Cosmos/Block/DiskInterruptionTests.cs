using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Simulation;

namespace VirtioGuest.Cosmos.Tests.Block;

/// <summary>
/// A disk does not wait for the end of a call: here it acts after each step of a call, once each, whatever becomes of
/// its interrupt. A call ends with what it was for, or says why not, and the next one works.
/// </summary>
public sealed class DiskInterruptionTests
{
    private const byte Line = 11;

    [Test]
    public void What_the_device_does_after_any_step_is_done_once_and_noticed(
        [Values] bool isPacked, [Values] Arrival arrival) =>
        Exploration.Run(20, step =>
        {
            using Bench bench = new(isPacked, arrival);
            byte[] read = bench.Pc.Buffer(1024);
            bench.Arm(step, bench.Pc.Run);

            bench.Pc.Disk.Write(3, 2, bench.Pc.Buffer(Pattern));
            bench.Pc.Disk.Read(3, 2, read);

            bool isReached = bench.End();
            Assert.That(read, Is.EqualTo(Pattern), $"after {step} steps");
            Assert.That(
                bench.Log.Requests.Select(request => request.Type), Is.EqualTo(new uint[] { 1, 4, 0 }),
                $"write, flush and read, after {step} steps");
            return isReached;
        });

    [Test]
    public void A_new_size_after_any_step_is_known([Values] bool isPacked, [Values] Arrival arrival) =>
        Exploration.Run(20, step =>
        {
            using Bench bench = new(isPacked, arrival);
            var listener = new Listener();
            bench.Pc.Disk.Listener = listener;
            bench.Arm(step, () => bench.Model.Resize(32));

            bench.Pc.Disk.Write(3, 2, bench.Pc.Buffer(Pattern));

            bool isReached = bench.End();
            Assert.That(bench.Pc.Disk.SectorCount, Is.EqualTo(isReached ? 32 : 16), $"after {step} steps");
            Assert.That(listener.Sectors, Is.EqualTo(isReached ? 32 : 0), $"after {step} steps");
            return isReached;
        });

    [Test]
    public void A_device_that_asks_for_a_reset_after_any_step_fails_one_call_at_most(
        [Values] bool isPacked, [Values] Arrival arrival, [Values] bool isInTrouble) =>
        Exploration.Run(12, step =>
        {
            using Bench bench = new(isPacked, arrival);
            if (isInTrouble)
            {
                bench.Model.SetNeedsReset("before");
            }

            bench.Arm(step, bench.AskForReset);

            string? failure = Attempt(() => bench.Pc.Disk.Write(3, 2, bench.Pc.Buffer(Pattern)));
            bool isReached = bench.End();
            string? second = Attempt(() => bench.Pc.Disk.Read(3, 2, bench.Pc.Buffer(1024)));

            Assert.That(second, Is.Null, $"after {step} steps, and after '{failure}'");
            Assert.That(bench.Pc.Disk.Device.State, Is.EqualTo(DeviceState.Running));
            if (failure is null)
            {
                Assert.That(bench.Model.Disk.Slice(3 * 512, 1024).ToArray(), Is.EqualTo(Pattern), $"{step}");
            }

            return isReached;
        });

    [Test]
    public void A_call_that_interrupts_another_after_any_step_is_refused_or_carried_out(
        [Values] bool isPacked, [Values] bool isInTrouble) =>
        Exploration.Run(20, step =>
        {
            using Bench bench = new(isPacked, Arrival.AtOnce);
            if (isInTrouble)
            {
                bench.Model.SetNeedsReset("before");
            }

            byte[] read = bench.Pc.Buffer(512);
            byte[] inner = bench.Pc.Buffer(512);
            bench.Model.Disk[..512].Fill(7);
            bench.Model.Disk.Slice(512, 512).Fill(9);
            string? refusal = null;
            bench.Arm(step, () => refusal = Attempt(() => bench.Pc.Disk.Read(1, 1, inner)));

            bench.Pc.Disk.Read(0, 1, read);

            bool isReached = bench.End();
            Assert.That(read, Is.All.EqualTo(7), $"after {step} steps");
            Assert.That(inner, Is.All.EqualTo(isReached && refusal is null ? 9 : 0), $"after {step} steps");
            Assert.That(refusal, Is.Null.Or.EndsWith(": the disk is in use by what this interrupted"));
            return isReached;
        });

    [Test]
    public void A_device_that_falls_silent_after_any_step_costs_a_call_its_deadline_and_no_more(
        [Values] bool isPacked) =>
        Exploration.Run(20, step =>
        {
            using Bench bench = new(isPacked, Arrival.AtOnce);
            bench.Arm(step, () => bench.Pc.Platform.WhileWaiting = () => { });
            bench.Pc.Platform.WaitTicks = ModelPlatform.TicksPerSecond;
            ulong before = bench.Pc.Platform.Now;

            string? failure = Attempt(() => bench.Pc.Disk.Write(3, 2, bench.Pc.Buffer(Pattern)));

            bool isReached = bench.End();
            ulong seconds = (bench.Pc.Platform.Now - before) / ModelPlatform.TicksPerSecond;
            Assert.That(seconds, Is.LessThan(35), $"after {step} steps");
            Assert.That(failure, isReached ? Is.Null.Or.EndsWith("the device does not answer") : Is.Null);
            bench.Pc.Platform.WhileWaiting = bench.Pc.Run;
            Assert.That(() => bench.Pc.Disk.Read(3, 2, bench.Pc.Buffer(1024)), Throws.Nothing);
            return isReached;
        });

    private static byte[] Pattern => [.. Enumerable.Range(0, 1024).Select(i => (byte)(i * 7))];

    private static string? Attempt(Action call)
    {
        try
        {
            call();
            return null;
        }
        catch (IOException exception)
        {
            return exception.Message;
        }
    }

    /// <summary>A PC with a disk of 16 sectors.</summary>
    private sealed class Bench : IDisposable
    {
        private readonly Arrival _arrival;
        private readonly Steps _steps;
        private bool _isReached;

        public Bench(bool isPacked, Arrival arrival)
        {
            _arrival = arrival;
            Model = Pc.AddDisk(16, Line, disk =>
            {
                if (!isPacked)
                {
                    disk.OfferedFeatures &= ~FeatureBit.RingPacked;
                }

                disk.Queues[0].MaximumSize = 4;
            });
            Model.Faults = Log;
            _steps = Pc.CountSteps();
            Pc.Boot();

            // A device whose word nobody brings is waited for until the deadline.
            Pc.Platform.WaitTicks = ModelPlatform.TicksPerSecond / 10;
        }

        public Pc Pc { get; } = new Pc();

        public BlockDevice Model { get; }

        public RequestLog Log { get; } = new RequestLog();

        /// <summary>Has something happen after so many steps, with an interrupt.</summary>
        public void Arm(int step, Action action) => _steps.Arm(step, () =>
        {
            _isReached = true;
            _arrival.Interrupt(Pc.Platform, Line, _steps, action);
        });

        /// <summary>The device asks for a reset, if its driver runs.</summary>
        public void AskForReset()
        {
            if (Model.IsRunning)
            {
                Model.SetNeedsReset("of a test");
            }
        }

        /// <summary>Lets every pending interrupt come.</summary>
        /// <returns>Whether it came to that.</returns>
        public bool End()
        {
            _steps.Disarm();
            Pc.Platform.HoldsInterrupts = false;
            return _isReached;
        }

        public void Dispose()
        {
            _steps.Dispose();
            Pc.Dispose();
        }
    }

    private sealed class Listener : CapacityListener
    {
        public ulong Sectors { get; private set; }

        public override void OnCapacity(ulong sectors) => Sectors = sectors;
    }
}
