using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Pci;

namespace VirtioGuest.Simulation.Tests;

[TestFixture]
internal sealed class SimulatedMachineTests
{
    [Test]
    public void Registers_answer_where_they_were_put()
    {
        using SimulatedMachine machine = new();
        Registers first = new(0x100);
        Registers second = new(0x10);
        machine.AddRegisters(0x1_0000_0000, first);
        machine.AddRegisters(0x1_0000_0080, second);
        MmioRegion window = machine.MapMmio(0x1_0000_0000, 0x200)!;
        window.Write16(0x10, 7);
        window.Write32(0x84, 8);
        Assert.That(first.Written, Is.EqualTo(new[] { (0x10u, 2, 7u) }));
        Assert.That(second.Written, Is.EqualTo(new[] { (4u, 4, 8u) }));
        Assert.That(window.Read8(0x20), Is.EqualTo(0x20));
        Assert.That(window.Read16(0x1F0), Is.EqualTo(0xFFFF), "nobody answers there");
        machine.RemoveRegisters(second);
        Assert.That(window.Read32(0x84), Is.EqualTo(0x84));
        Assert.That(() => window.Read32(0x1FE), Throws.TypeOf<System.ArgumentOutOfRangeException>());
        Assert.That(() => window.Read32(2), Throws.TypeOf<System.ArgumentOutOfRangeException>());
        Assert.That(machine.MapMmio(0, 0), Is.Null);
        Assert.That(machine.Ports.Read16(0x60), Is.EqualTo(0xFFFF));
    }

    [Test]
    public void A_function_is_found_where_it_was_plugged_in_and_answers_where_it_was_placed()
    {
        using SimulatedMachine machine = new();
        EntropyDevice model = new(machine.Memory.GuestMemory);
        PciFunction found = machine.Plug(new PciDeviceFunction(model, machine.Messages.OutputTo(5)), device: 7);
        Assert.That(found.Address, Is.EqualTo(new PciAddress(0, 0, 7, 0)));
        found.MemoryDecode = true;
        int before = 0;
        int after = 0;
        machine.BeforeRegister = () => before++;
        machine.AfterRead = () => after++;
        MmioRegion structures = machine.MapMmio(SimulatedMachine.PciWindow, 0x1000)!;
        Assert.That(structures.Read16(0x12), Is.EqualTo(1), "num_queues");
        structures.Write8(0x14, 1);
        Assert.That(model.Status, Is.EqualTo(1));
        Assert.That((before, after), Is.EqualTo((2, 1)));
    }

    [Test]
    public void Messages_are_delivered_at_once_or_when_asked_for()
    {
        SimulatedInterrupts interrupts = new() { MessagesLeft = 2 };
        Handler handler = new();
        MessageInterrupt message = interrupts.AllocateMessage("first", handler)!;
        MessageInterrupt other = interrupts.AllocateMessage("second", new Handler())!;
        Assert.That(interrupts.AllocateMessage("third", handler), Is.Null);
        Assert.That(interrupts.NamesInUse, Is.EqualTo(new[] { "first", "second" }));
        interrupts.Send(message.Address, message.Data);
        Assert.That(handler.Calls, Is.EqualTo(1));

        interrupts.IsQueued = true;
        interrupts.Send(message.Address, message.Data);
        interrupts.Send(message.Address, message.Data);
        Assert.That(handler.Calls, Is.EqualTo(1));
        Assert.That(interrupts.Deliver(), Is.EqualTo(1), "they are one by now");
        Assert.That(interrupts.Deliver(), Is.Zero);
        Assert.That(message.Count, Is.EqualTo(2));

        other.Release();
        interrupts.Send(other.Address, other.Data);
        Assert.That(interrupts.Spurious, Is.EqualTo(1));
        Assert.That(interrupts.MessagesLeft, Is.EqualTo(1));
    }

    [Test]
    public void A_line_is_served_until_it_is_lowered_and_masked_when_nobody_claims_it()
    {
        SimulatedInterrupts interrupts = new();
        Handler claims = new() { After = () => interrupts.LowerLine(5) };
        Handler shares = new() { Claims = false };
        interrupts.AttachLine(5, "a", shares);
        LineInterrupt line = interrupts.AttachLine(5, "b", claims)!;
        Assert.That(interrupts.AttachLine(16, "c", claims), Is.Null);
        interrupts.RaiseLine(5);
        Assert.That((claims.Calls, shares.Calls, line.Count), Is.EqualTo((1, 1, 1UL)));
        Assert.That(interrupts.MaskedLines, Is.Empty);
        line.Release();
        interrupts.RaiseLine(5);
        Assert.That(interrupts.MaskedLines, Is.EqualTo(new byte[] { 5 }));
        Assert.That(claims.Calls, Is.EqualTo(1));
    }

    [Test]
    public void Time_passes_when_it_is_told_to_and_while_somebody_waits()
    {
        SimulatedClock clock = new() { RelaxStep = 10 };
        ulong start = clock.Nanoseconds;
        Assert.That(clock.Nanoseconds, Is.EqualTo(start));
        clock.Relax();
        clock.Advance(5);
        Assert.That(clock.Nanoseconds - start, Is.EqualTo(15));
        Assert.That(clock.Waits, Is.EqualTo(1));
    }

    [Test]
    public void Memory_keeps_its_constraints_and_its_limit()
    {
        using SimulatedMachine machine = new();
        SimulatedDma memory = machine.Memory;
        DmaMemory high = machine.Dma.Allocate(100, 8192)!;
        Assert.That(high.DeviceAddress, Is.GreaterThanOrEqualTo(1UL << 32), "32 bits are not enough");
        Assert.That(high.DeviceAddress % 8192, Is.Zero);
        DmaConstraints constraints = new(16, uint.MaxValue, 4096, mustBeCoherent: true);
        DmaMemory low = machine.Dma.Allocate(4000, constraints)!;
        Assert.That(constraints.Allow(low.DeviceAddress, 4000), Is.True);
        Assert.That(low.IsCoherent, Is.True);
        Assert.That(machine.Dma.Allocate(4097, constraints), Is.Null);
        Assert.That(machine.Dma.Allocate(1, new DmaConstraints(1, 0xFFF)), Is.Null);
        memory.AllocationsLeft = 0;
        Assert.That(machine.Dma.Allocate(1, 1), Is.Null);
        Assert.That(memory.Allocated, Is.EqualTo(2));
    }

    [Test]
    public void The_log_is_kept()
    {
        using SimulatedMachine machine = new();
        machine.Log.Information("a");
        machine.Log.Warning("b");
        Assert.That(machine.Lines.Informations, Is.EqualTo(new[] { "a" }));
        Assert.That(machine.Lines.Warnings, Is.EqualTo(new[] { "b" }));
    }

    private sealed class Registers(uint length) : RegisterWindow(length)
    {
        public List<(uint Offset, int Width, uint Value)> Written { get; } = [];

        protected override uint Read(uint offset, int width) => offset;

        protected override void Write(uint offset, int width, uint value) => Written.Add((offset, width, value));
    }

    private sealed class Handler : InterruptHandler
    {
        public int Calls { get; private set; }

        public bool Claims { get; init; } = true;

        public System.Action After { get; init; } = () => { };

        public override bool OnInterrupt()
        {
            Calls++;
            After();
            return Claims;
        }
    }
}
