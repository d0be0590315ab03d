using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Tests.Proofs;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Entropy;

/// <summary>The entropy driver against the device model (virtio 1.4, 5.4).</summary>
[TestFixture(false, false)]
[TestFixture(false, true)]
[TestFixture(true, false)]
[TestFixture(true, true)]
public sealed class VirtioEntropyTests(bool isPacked, bool isMmio)
{
    [Test]
    public void Each_answer_has_the_bytes_that_the_device_gave()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        List<byte> taken = [];
        for (int count = 1; count <= VirtioEntropy.MaximumLength; count++)
        {
            Assert.That(entropy.TryAsk(count), Is.True);
            byte[] bytes = new byte[VirtioEntropy.MaximumLength];
            Assert.That(entropy.TryTake(bytes, out int found), Is.True);
            Assert.That(found, Is.EqualTo(count));
            taken.AddRange(bytes.AsSpan(0, found));
            Assert.That(entropy.TryTake(bytes, out found), Is.False, "an answer is taken once");
            Assert.That(found, Is.Zero);
        }

        Assert.That(taken, Is.EqualTo(EntropyDevice.First(taken.Count)));
        Assert.That(bench.Sink.Events, Has.Count.EqualTo(VirtioEntropy.MaximumLength).And.All.EqualTo("queue 0"));
        Assert.That(entropy.Stop(), Is.True);
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
    }

    [Test]
    public void The_format_of_the_ring_is_the_one_that_was_offered()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        Assert.That(bench.Model.Queues[0].Ring is PackedDeviceQueue, Is.EqualTo(isPacked));
        entropy.Stop();
    }

    [Test]
    public void No_more_is_asked_for_than_there_is_room()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        Assert.That(entropy.TryAsk(VirtioEntropy.MaximumLength + 1), Is.True);
        byte[] few = new byte[5];
        Assert.That(entropy.TryTake(few, out int found), Is.True);
        Assert.That(bench.Model.Given, Is.EqualTo(VirtioEntropy.MaximumLength));
        Assert.That(found, Is.EqualTo(few.Length), "what the caller has no room for is dropped");
        Assert.That(few, Is.EqualTo(EntropyDevice.First(few.Length)));
        entropy.Stop();
    }

    [Test]
    public void A_short_answer_gives_what_was_written()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Model.LargestAnswer = 3;
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        entropy.TryAsk(16);
        byte[] bytes = new byte[16];
        Assert.That(entropy.TryTake(bytes, out int found), Is.True);
        Assert.That(found, Is.EqualTo(3));
        Assert.That(bytes.AsSpan(3).ToArray(), Is.All.Zero);
        entropy.Stop();
    }

    [Test]
    public void An_operation_asks_again_until_it_has_all_bytes([Values(1, 7, 64, 256)] int largestAnswer)
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Model.LargestAnswer = largestAnswer;
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        Assert.That(entropy.BeginOperation(entropy.Driver.Operations[0], 150), Is.Null);
        string result;
        int looks = 1;
        Failure? failure;
        while (!entropy.TryEndOperation(out result, out failure))
        {
            looks++;
        }

        Assert.That(failure, Is.Null);
        int each = Math.Min(largestAnswer, VirtioEntropy.MaximumLength);
        Assert.That(looks, Is.EqualTo((150 + each - 1) / each));
        Assert.That(Convert.FromHexString(result), Is.EqualTo(EntropyDevice.First(150)));
        entropy.Stop();
    }

    [Test]
    public void An_empty_answer_ends_an_operation_with_a_failure()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Model.LargestAnswer = 4;
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        entropy.BeginOperation(entropy.Driver.Operations[0], 12);

        // The second answer is empty: its device was asked while this was so.
        bench.Model.LargestAnswer = 0;
        Assert.That(entropy.TryEndOperation(out _, out _), Is.False);
        Assert.That(entropy.TryEndOperation(out _, out Failure? failure), Is.True);
        Assert.That(failure?.ToString(), Is.EqualTo("gave no bytes"));
        entropy.Stop();
    }

    [Test]
    public void A_late_answer_is_waited_for_and_asked_for_once()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        HeldBackCompletion held = new HeldBackCompletion();
        bench.Model.Queues[0].Policy = held;
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        byte[] bytes = new byte[8];
        Assert.That(entropy.TryAsk(8), Is.True);
        Assert.That(entropy.TryTake(bytes, out _), Is.False);
        Assert.That(entropy.TryAsk(8), Is.False);
        Assert.That(entropy.BeginOperation(entropy.Driver.Operations[0], 8)?.ToString(), Is.EqualTo("is busy"));
        Assert.That(bench.Sink.Events, Is.Empty);

        held.Release(1);
        bench.Model.Run();
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0" }));
        Assert.That(entropy.TryTake(bytes, out int found), Is.True);
        Assert.That(found, Is.EqualTo(8));
        entropy.Stop();
    }

    [Test]
    public void An_answer_that_nobody_waited_for_is_dropped_when_the_next_one_is_asked_for()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        entropy.TryAsk(8);
        Assert.That(entropy.TryAsk(4), Is.True);
        byte[] bytes = new byte[64];
        Assert.That(entropy.TryTake(bytes, out int found), Is.True);
        Assert.That(bytes.AsSpan(0, found).ToArray(), Is.EqualTo(EntropyDevice.First(12)[8..]));
        entropy.Stop();
    }

    [Test]
    public void A_length_above_what_was_posted_is_not_believed([Values(9u, 64u, 1000u, uint.MaxValue)] uint length)
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Model.Queues[0].ForcedLength = length;
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        entropy.TryAsk(8);
        byte[] bytes = new byte[64];
        Assert.That(entropy.TryTake(bytes, out int found), Is.True);
        Assert.That(found, Is.EqualTo(8));
        Assert.That(bytes.AsSpan(0, 8).ToArray(), Is.EqualTo(EntropyDevice.First(8)));
        Assert.That(bytes.AsSpan(8).ToArray(), Is.All.Zero);
        Assert.That(entropy.State, Is.EqualTo(DeviceState.Running));
        entropy.Stop();
    }

    [Test]
    public void A_device_that_is_stopped_in_the_middle_gives_its_memory_back_and_can_start_again()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Model.Queues[0].Policy = new HeldBackCompletion();
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        Assert.That(entropy.TryAsk(8), Is.True);
        Assert.That(entropy.Stop(), Is.True);
        Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
        Assert.That(entropy.TryAsk(8), Is.False);
        Assert.That(entropy.TryTake(new byte[8], out _), Is.False);

        bench.Model.Queues[0].Policy = new InOrderCompletion();
        Assert.That(entropy.TryStart(out Failure? failure), Is.True, failure?.ToString());
        Assert.That(entropy.TryAsk(8), Is.True);
        Assert.That(entropy.TryTake(new byte[8], out int found), Is.True);
        Assert.That(found, Is.EqualTo(8));
        entropy.Stop();
    }

    [Test]
    public void A_device_that_asks_for_a_reset_is_not_asked_for_bytes()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
        entropy.TryAsk(8);
        bench.Model.SetNeedsReset("for the test");
        Assert.That(entropy.State, Is.EqualTo(DeviceState.NeedsReset));
        Assert.That(entropy.TryTake(new byte[8], out _), Is.False);
        Assert.That(entropy.TryAsk(8), Is.False);
        Assert.That(entropy.Stop(), Is.True);
    }

    [Test]
    public void A_machine_without_memory_for_the_buffer_refuses_the_device()
    {
        using ModelBench<EntropyDevice> bench = NewBench();
        bench.Machine.Memory.AllocationsLeft = 0;
        Assert.That(bench.FailToStart(bench.Create<VirtioEntropy>("rng0")), Does.Contain("memory"));
    }

    [Test]
    public void Every_hand_over_is_right_whatever_the_cache(
        [ValueSource(typeof(CacheMachine), nameof(CacheMachine.All))] object hardware)
    {
        CacheMachine machine = (CacheMachine)hardware;
        for (int seed = 0; seed < machine.Seeds; seed++)
        {
            using ModelBench<EntropyDevice> bench = NewBench(
                new SimulatedDmaOptions { Cache = machine.CreateCache(seed) });
            using IDisposable installed = bench.Machine.Memory.Install();
            VirtioEntropy entropy = bench.Start<VirtioEntropy>("rng0");
            byte[] bytes = new byte[24];
            List<byte> taken = [];
            for (int i = 0; i < 20; i++)
            {
                Assert.That(entropy.TryAsk(bytes.Length), Is.True);
                Assert.That(entropy.TryTake(bytes, out _), Is.True);
                taken.AddRange(bytes);
            }

            Assert.That(taken, Is.EqualTo(EntropyDevice.First(taken.Count)));
            bench.Model.Queues[0].Policy = new HeldBackCompletion();
            entropy.TryAsk(8);
            Assert.That(entropy.Stop(), Is.True);
            Assert.That(bench.Machine.Memory.Freed, Is.EqualTo(bench.Machine.Memory.Allocated));
        }
    }

    [Test]
    public void No_schedule_of_a_weakly_ordered_memory_tears_an_answer([Values] MemoryOrdering ordering)
    {
        using ScheduleExplorer explorer = new ScheduleExplorer(new ExplorationBounds
        {
            Ordering = ordering,
            Deviations = 1,
            MaximumSchedules = 20_000,
            RandomSchedules = 100,
        });
        ExplorationResult result = explorer.Explore(memory => AskTwice(memory, isPacked, isMmio));
        TestContext.Out.WriteLine(result);
        Assert.That(result.Failure, Is.Null);
        Assert.That(result.IsExhaustive, Is.True);
    }

    private static Scenario AskTwice(WeakMemory memory, bool isPacked, bool isMmio)
    {
        const int Count = 8;
        SimulatedMachine machine = new SimulatedMachine();
        LastMemory last = new LastMemory(memory.Dma);
        machine.UseDma(last);
        machine.Messages.IsQueued = true;
        EntropyDevice model = new EntropyDevice(memory.GuestMemory) { OfferedFeatures = Offered(isPacked) };
        model.Queues[0].Notifications = NotificationMode.Never;
        VirtioEntropy entropy = (VirtioEntropy)DriverRegistry.Find(model.DeviceType)!.Create(
            Attachment.Of(machine, model, isMmio), "rng0", new NoEvents());
        Scenario.Require(entropy.TryStart(out Failure? failure), $"the device {failure}");

        // The driver copies without the accessors, which the simulation does not see: so its buffer is read once more.
        DmaMemory buffer = last.Memory!;
        return new Scenario()
            .AddProcessor("driver", () =>
            {
                byte[] given = EntropyDevice.First(2 * Count);
                for (int i = 0; i < 2; i++)
                {
                    Scenario.Require(entropy.TryAsk(Count), "the device is busy");
                    int found;
                    while (!entropy.TryTake(new byte[Count], out found))
                    {
                        memory.Pause();
                    }

                    Scenario.Require(found == Count, $"{found} bytes came");
                    for (int at = 0; at < Count; at++)
                    {
                        Scenario.Require(buffer.Load8((uint)at) == given[(i * Count) + at], $"byte {at} is another");
                    }
                }
            })
            .AddProcessor(
                "device",
                () =>
                {
                    while (true)
                    {
                        if (!model.Step())
                        {
                            memory.Pause();
                        }
                    }
                },
                isBackground: true);
    }

    private static ulong Offered(bool isPacked) =>
        isPacked ? FeatureBit.Usual : FeatureBit.Usual & ~FeatureBit.RingPacked;

    private ModelBench<EntropyDevice> NewBench(SimulatedDmaOptions? memory = null) =>
        new(dma => new EntropyDevice(dma.GuestMemory) { OfferedFeatures = Offered(isPacked) }, isMmio, memory);

    /// <summary>Remembers what was allocated last.</summary>
    private sealed class LastMemory(DmaTag dma) : DmaTag
    {
        public DmaMemory? Memory { get; private set; }

        public override DmaMemory? Allocate(uint length, DmaConstraints constraints) =>
            Memory = dma.Allocate(length, constraints);

        public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) => dma.CreateMap(limits, bounce);
    }
}
