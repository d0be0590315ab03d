using System;
using System.Collections.Generic;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Hal;

namespace VirtioGuest.Simulation.Tests;

/// <summary>Somebody acts at each step of a thread: before it or after it, and once.</summary>
[TestFixture]
internal sealed unsafe class StepsTests
{
    [Test]
    public void An_action_comes_before_or_after_each_access_and_hand_over([Values] bool actsAfter)
    {
        List<uint> seen = [];
        int step = 0;
        while (Run(step, actsAfter, out uint value))
        {
            seen.Add(value);
            step++;
        }

        uint[] expected = actsAfter ? [1, 1, 1, 2, 2] : [0, 1, 1, 1, 2];
        Assert.That(seen, Is.EqualTo(expected), "store, load, hand-over, store with release, load with acquire");
    }

    [Test]
    public void Accesses_to_registers_and_hand_overs_of_a_machine_are_steps()
    {
        using SimulatedMachine machine = new(new SimulatedDma(new SimulatedDmaOptions { WatchesHandOvers = true }));
        DmaMemory memory = machine.Dma.Allocate(16, 16)!;
        MmioRegion registers = machine.MapMmio(0x1000, 4)!;
        int acted = 0;
        for (int step = 0; step < 4; step++)
        {
            using Steps steps = new(machine);
            steps.Arm(step, () => acted++);
            registers.Write32(0, 1);
            memory.Sync(0, 16, DmaSync.PreWrite);
            registers.Read32(0);
            Assert.That(steps.IsPending, Is.EqualTo(step == 3));
            memory.Sync(0, 16, DmaSync.PostWrite);
        }

        registers.Read32(0);
        Assert.That(acted, Is.EqualTo(4), "and nobody acts once it is disposed of");
    }

    [Test]
    public void Steps_of_other_threads_and_while_it_is_paused_do_not_count()
    {
        using SimulatedMachine machine = new();
        MmioRegion registers = machine.MapMmio(0x1000, 4)!;
        bool isPaused = true;
        using Steps steps = new(machine) { IsPaused = () => isPaused };
        steps.Arm(0, () => { });
        registers.Read32(0);
        isPaused = false;
        Thread other = new(() => registers.Read32(0));
        other.Start();
        other.Join();
        Assert.That(steps.IsPending, Is.True);
        registers.Read32(0);
        Assert.That(steps.IsPending, Is.False);
    }

    [Test]
    public void An_action_can_be_dropped_or_brought_forward()
    {
        using Steps steps = new();
        int acted = 0;
        steps.Arm(0, () => acted++);
        steps.Disarm();
        steps.Take();
        steps.Act();
        Assert.That(acted, Is.Zero);
        steps.Arm(100, () => acted++);
        steps.Act();
        steps.Act();
        Assert.That(acted, Is.EqualTo(1));
    }

    [Test]
    public void What_is_below_goes_on_seeing_all_accesses()
    {
        using SimulatedDma dma = new();
        using IDisposable below = dma.Install(isAllThereIs: true);
        ulong elsewhere = 5;
        using (new Steps())
        {
            Assert.That(SharedMemory.Load64((byte*)&elsewhere, 0), Is.Zero);
            SharedMemory.StoreRelease16((byte*)&elsewhere, 0, 7, AccessSite.Unnamed);
        }

        Assert.That(dma.Violations, Has.Count.EqualTo(2));
        Assert.That(elsewhere, Is.EqualTo(5));
    }

    [Test]
    public void Messages_are_repeated_where_the_machine_repeats_them()
    {
        SimulatedInterrupts interrupts = new() { Repeats = 2 };
        Counter counter = new();
        MessageInterrupt message = interrupts.AllocateMessage("a", counter)!;
        interrupts.Send(message.Address, message.Data);
        Assert.That((counter.Calls, message.Count), Is.EqualTo((3, 3UL)));
    }

    [Test]
    public void Nothing_is_mapped_beyond_the_last_address()
    {
        using SimulatedMachine machine = new() { LastMappable = 0xFFFF };
        Assert.That(machine.MapMmio(0xF000, 0x1000), Is.Not.Null);
        Assert.That(machine.MapMmio(0xF000, 0x1001), Is.Null);
        Assert.That(machine.MapMmio(0x10000, 1), Is.Null);
    }

    /// <summary>Runs a few steps with an action at one of them.</summary>
    /// <param name="step">Which one.</param>
    /// <param name="actsAfter">Whether the action comes after it.</param>
    /// <param name="value">What was in memory when it came.</param>
    /// <returns>Whether there are so many.</returns>
    private static bool Run(int step, bool actsAfter, out uint value)
    {
        uint word = 0;
        uint seen = 0;
        byte* address = (byte*)&word;
        using Steps steps = new(actsAfter);
        steps.Arm(step, () => seen = *(uint*)address);
        SharedMemory.Store32(address, 0, 1);
        SharedMemory.Load32(address, 0);
        steps.Take();
        SharedMemory.StoreRelease16(address, 0, 2, AccessSite.Unnamed);
        SharedMemory.LoadAcquire16(address, 0, AccessSite.Unnamed);
        value = seen;
        return !steps.IsPending;
    }

    private sealed class Counter : InterruptHandler
    {
        public int Calls { get; private set; }

        public override bool OnInterrupt()
        {
            Calls++;
            return true;
        }
    }
}
