using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Simulation.Tests;

/// <summary>Lines that are pulsed, and deliveries that come to an end although a device asks without one.</summary>
internal sealed class InterruptLimitTests
{
    [Test]
    public void A_pulse_calls_each_handler_once_and_pulses_before_a_delivery_are_one()
    {
        SimulatedInterrupts interrupts = new() { IsQueued = true };
        Handler first = new(interrupts, 0);
        Handler second = new(interrupts, 0);
        interrupts.AttachEdgeLine(5, "a", first);
        interrupts.AttachLine(5, "b", second);
        interrupts.PulseLine(5);
        interrupts.PulseLine(5);
        Assert.That(interrupts.Deliver(), Is.EqualTo(2));
        Assert.That(interrupts.Deliver(), Is.Zero);
        Assert.That((first.Calls, second.Calls), Is.EqualTo((1, 1)));
        interrupts.PulseLine(6);
        Assert.That(interrupts.Deliver(), Is.Zero, "nobody is there");
    }

    [Test]
    public void A_limit_ends_a_storm_that_each_answer_brings_on_anew()
    {
        SimulatedInterrupts interrupts = new() { IsQueued = true };
        Handler handler = new(interrupts, 0x40);
        MessageInterrupt message = interrupts.AllocateMessage("a", handler)!;
        handler.Message = message;
        interrupts.Send(message.Address, message.Data);
        Assert.That(interrupts.Deliver(limit: 7), Is.EqualTo(7));
        Handler line = new(interrupts, 0);
        interrupts.AttachLine(3, "b", line);
        interrupts.RaiseLine(3);
        handler.Message = null;
        interrupts.Deliver(limit: 5);
        Assert.That(line.Calls, Is.EqualTo(5));
        Assert.That(interrupts.MaskedLines, Is.Empty);
    }

    private sealed class Handler(SimulatedInterrupts interrupts, uint data) : InterruptHandler
    {
        public int Calls { get; private set; }

        public MessageInterrupt? Message { get; set; }

        public override bool OnInterrupt()
        {
            Calls++;
            if (Message != null)
            {
                interrupts.Send(Message.Address, data);
            }

            return true;
        }
    }
}
