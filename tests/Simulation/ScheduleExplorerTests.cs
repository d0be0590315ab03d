using System;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Simulation.Tests;

/// <summary>The explorer finds what there is to find, brings it back, and comes to an end.</summary>
[TestFixture]
internal sealed unsafe class ScheduleExplorerTests
{
    [Test]
    public void A_failure_is_brought_back_by_its_choices()
    {
        using ScheduleExplorer explorer = new(new ExplorationBounds { WeakenedSite = Litmus.Reader });
        ExplorationResult found = explorer.Explore(MessagePassing);
        ExplorationResult again = explorer.Replay(MessagePassing, found.Choices);
        Assert.That(found.Failure, Is.EqualTo("reader: the data is not there"));
        Assert.That(again.Failure, Is.EqualTo(found.Failure));
        Assert.That(again.Choices, Is.EqualTo(found.Choices));
        Assert.That(again.Trace, Is.EqualTo(found.Trace));
        Assert.That(found.Trace, Has.Member("reader: load32 at 8: 0x1 (site 2)"));
        Assert.That(explorer.Replay(MessagePassing, string.Empty).Failure, Is.Null);
    }

    [Test]
    public void The_same_exploration_gives_the_same_result()
    {
        ExplorationResult Run()
        {
            using ScheduleExplorer explorer = new(new ExplorationBounds
            {
                WeakenedSite = Litmus.Writer,
                Deviations = 0,
                RandomSchedules = 10_000,
                Seed = 42,
            });
            return explorer.Explore(MessagePassing);
        }

        ExplorationResult first = Run();
        ExplorationResult second = Run();
        Assert.That(first.Failure, Is.Not.Null);
        Assert.That(first.Seed, Is.EqualTo(42));
        Assert.That(second.Choices, Is.EqualTo(first.Choices));
        Assert.That(second.Schedules, Is.EqualTo(first.Schedules));
    }

    [Test]
    public void Every_interleaving_is_run_once_at_most_in_each_round()
    {
        // Two processors with two stores each to places of their own: 6 interleavings, no choice of values.
        using ScheduleExplorer explorer = new(new ExplorationBounds { Deviations = 100, RandomSchedules = 0 });
        ExplorationResult result = explorer.Explore(memory =>
        {
            Cell x = new(memory);
            Cell y = new(memory);
            return new Scenario().AddProcessor("first", () => Twice(x)).AddProcessor("second", () => Twice(y));
        });
        Assert.That(result.IsExhaustive, Is.True);

        // No deviation: 2. At most one: 4 more. At most two: the rest. The rounds repeat those before them.
        Assert.That(result.Schedules, Is.EqualTo(2 + 4 + 6));
    }

    [Test]
    public void Waiting_for_each_other_is_a_failure()
    {
        using ScheduleExplorer explorer = new();
        ExplorationResult result = explorer.Explore(memory =>
        {
            Signal first = memory.CreateSignal();
            Signal second = memory.CreateSignal();
            return new Scenario()
                .AddProcessor("driver", () =>
                {
                    first.Wait();
                    second.Set();
                })
                .AddProcessor("device", () => second.Wait(), isBackground: true);
        });
        Assert.That(
            result.Failure, Is.EqualTo("nobody can go on: driver waits for signal 1, device waits for signal 2"));
    }

    [TestCase(MemoryOrdering.ReleaseAcquire)]
    [TestCase(MemoryOrdering.TotalStoreOrder)]
    public void Polling_for_what_comes_ends_and_for_what_never_comes_is_a_failure(MemoryOrdering ordering)
    {
        using ScheduleExplorer explorer = new(new ExplorationBounds { Ordering = ordering });
        Func<WeakMemory, Scenario> Polling(uint value) => memory =>
        {
            Cell x = new(memory);
            return new Scenario()
                .AddProcessor("poller", () =>
                {
                    while (x.LoadAcquire() != 1)
                    {
                        memory.Pause();
                    }
                })
                .AddProcessor("writer", () => x.StoreRelease(value));
        };

        Assert.That(explorer.Explore(Polling(1)).Failure, Is.Null);
        Assert.That(
            explorer.Explore(Polling(2)).Failure,
            Is.EqualTo("nobody can go on: poller finds nothing to do, writer has ended"));
    }

    [Test]
    public void A_processor_that_spins_without_end_is_a_failure()
    {
        using ScheduleExplorer explorer = new(new ExplorationBounds { MaximumSteps = 100 });
        ExplorationResult result = explorer.Explore(memory =>
        {
            Cell x = new(memory);
            return new Scenario().AddProcessor("spinner", () =>
            {
                while (x.Load() == 0)
                {
                }
            });
        });
        Assert.That(result.Failure, Is.EqualTo("the schedule does not end within 100 steps"));
    }

    [Test]
    public void A_processor_in_the_background_need_not_end()
    {
        using ScheduleExplorer explorer = new();
        ExplorationResult result = explorer.Explore(memory =>
        {
            Signal kick = memory.CreateSignal();
            Signal interrupt = memory.CreateSignal();
            return new Scenario()
                .AddProcessor("driver", () =>
                {
                    kick.Set();
                    interrupt.Wait();
                })
                .AddProcessor("device", () => Serve(kick, interrupt), isBackground: true);
        });
        Assert.That(result.Failure, Is.Null);
        Assert.That(result.IsExhaustive, Is.True);
    }

    [Test]
    public void Exceptions_and_the_final_check_fail_a_schedule()
    {
        using ScheduleExplorer explorer = new();
        Assert.That(
            explorer.Explore(_ => new Scenario().AddProcessor("a", () => throw new FormatException("no"))).Failure,
            Is.EqualTo("a: FormatException: no"));
        Assert.That(
            explorer.Explore(_ => new Scenario { Check = () => Scenario.Require(false, "wrong") }
                .AddProcessor("a", () => { })).Failure,
            Is.EqualTo("at the end: wrong"));
        Assert.That(
            explorer.Explore(_ => new Scenario().AddProcessor("a", () => { })).Failure, Is.Null, "it lives on");
    }

    [Test]
    public void Accesses_outside_of_what_was_set_aside_fail()
    {
        using ScheduleExplorer explorer = new();
        Assert.That(
            explorer.Explore(memory => At(memory, 16, 6)).Failure,
            Is.EqualTo("a: an access to byte 16, which nobody set aside"));
        Assert.That(
            explorer.Explore(memory => At(memory, 6, 4)).Failure,
            Is.EqualTo("a: an access of 4 bytes to byte 6, which is not aligned"));
    }

    [Test]
    public void Drivers_are_given_the_memory_and_devices_find_it()
    {
        using ScheduleExplorer explorer = new(new ExplorationBounds { MemoryLength = 4096 });
        ExplorationResult result = explorer.Explore(memory =>
        {
            DmaMemory ring = memory.Dma.Allocate(64, 64)!;
            Scenario.Require(memory.Dma.Allocate(8192, 1) == null, "there is too much");
            DmaMap map = memory.Dma.CreateMap(1, 32);
            Scenario.Require(map.Load(ring.Address + 8, 16) == DmaStatus.Ok, "the map does not find it");
            Scenario.Require(map.Segments[0].DeviceAddress == ring.DeviceAddress + 8, "the map is wrong");
            Scenario.Require(!memory.GuestMemory.TryRead(ring.DeviceAddress + 60, new byte[8]), "there is more");
            Signal kick = memory.CreateSignal();
            byte[] seen = new byte[8];
            return new Scenario { Check = () => Scenario.Require(seen[1] == 7, "the device reads something else") }
                .AddProcessor("driver", () =>
                {
                    ring.Store8(1, 7);
                    kick.Set();
                })
                .AddProcessor("device", () =>
                {
                    kick.Wait();
                    memory.GuestMemory.TryRead(ring.DeviceAddress, seen);
                });
        });
        Assert.That(result.Failure, Is.Null);
    }

    [Test]
    public void Schedules_are_quick()
    {
        using ScheduleExplorer explorer = new(new ExplorationBounds { Deviations = 2, RandomSchedules = 20_000 });
        ExplorationResult result = explorer.Explore(MessagePassing);
        double rate = result.Schedules / result.Duration.TotalSeconds;
        TestContext.Out.WriteLine($"{rate:0} schedules a second");
        Assert.That(result.Failure, Is.Null);
        Assert.That(rate, Is.GreaterThan(1_000));
    }

    private static Scenario MessagePassing(WeakMemory memory)
    {
        Cell data = new(memory);
        Cell flag = new(memory);
        return new Scenario()
            .AddProcessor("writer", () =>
            {
                data.Store(1);
                flag.StoreRelease(1, Litmus.Writer);
            })
            .AddProcessor("reader", () =>
            {
                if (flag.LoadAcquire(Litmus.Reader) == 1)
                {
                    Scenario.Require(data.Load() == 1, "the data is not there");
                }
            });
    }

    private static Scenario At(WeakMemory memory, uint offset, int size)
    {
        byte* start = memory.Allocate(16);
        return new Scenario().AddProcessor("a", () =>
        {
            uint value = size == 4 ? SharedMemory.Load32(start, offset) : SharedMemory.Load8(start, offset);
            Scenario.Require(value == 0, "the memory is not zero");
        });
    }

    private static void Twice(Cell cell)
    {
        cell.Store(1);
        cell.Store(2);
    }

    private static void Serve(Signal kick, Signal interrupt)
    {
        while (true)
        {
            kick.Wait();
            interrupt.Set();
        }
    }
}
