using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>Vectors, shared vectors and the line (virtio 1.4, 4.1.5.1.2 and 4.1.5.3 to 4.1.5.5).</summary>
public class InterruptTests
{
    [Test]
    public void Each_queue_and_the_configuration_have_a_vector()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(
            bench.Machine.Messages.NamesInUse,
            Is.EqualTo(new[] { "net0 configuration", "net0 receiveq1", "net0 transmitq1" }));
        Assert.That(net.Describe().Queues.Select(q => q.Vector), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(net.Describe().Interrupts, Is.EqualTo("MSI-X, a vector per queue"));
        Assert.That(bench.Function!.Vectors.IsEnabled, Is.True);
        Assert.That(IsPinDisabled(bench), Is.True);

        Interrupt(bench, 0);
        Interrupt(bench, 1);
        bench.Model.ChangeConfiguration(() => { });
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1", "configuration" }));
    }

    [Test]
    public void A_queue_with_a_vector_of_its_own_can_be_waited_for_by_whoever_claims_it()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Machine.Messages.HasClaims = true;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        MessageInterrupt interrupt = net.Transport.QueueInterrupt(1)!;

        Assert.That(interrupt.TryClaim(), Is.True);
        Assert.That(interrupt.TryClaim(), Is.False);
        Interrupt(bench, 1);
        Assert.That(bench.Sink.Events, Is.Empty);
        Assert.That(interrupt.WaitClaimed(0), Is.EqualTo(ClaimedWait.Arrived));
        Assert.That(interrupt.WaitClaimed(0), Is.EqualTo(ClaimedWait.TimedOut));
        Interrupt(bench, 0);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0" }));
        Interrupt(bench, 1);
        Assert.That(interrupt.EndClaim(), Is.True);
        interrupt.HandOver();
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1" }));

        Assert.That(interrupt.TryClaim(), Is.True);
        net.Stop();
        Assert.That(interrupt.WaitClaimed(0), Is.EqualTo(ClaimedWait.Released));
        interrupt.EndClaim();
        Assert.That(interrupt.TryClaim(), Is.False);
    }

    [TestCase(2)]
    [TestCase(1)]
    [TestCase(0)]
    public void A_vector_that_queues_share_and_a_line_cannot_be_claimed(int vectors)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = vectors };
        bench.Machine.Messages.HasClaims = true;
        VirtioNet net = bench.Start<VirtioNet>("net0");

        Assert.That(net.Transport.QueueInterrupt(0), Is.Null);
        Assert.That(net.Transport.QueueInterrupt(1), Is.Null);
    }

    [Test]
    public void With_two_vectors_the_queues_share_one()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = 2 };
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Describe().Queues.Select(q => q.Vector), Is.EqualTo(new[] { 1, 1 }));
        Interrupt(bench, 1);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1" }));
        bench.Model.ChangeConfiguration(() => { });
        Assert.That(bench.Sink.Events, Has.Count.EqualTo(3));
    }

    [Test]
    public void With_one_vector_it_serves_everything()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = 1 };
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Describe().Queues.Select(q => q.Vector), Is.EqualTo(new[] { 0, 0 }));
        Interrupt(bench, 0);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1", "configuration" }));
    }

    [TestCase(2, "MSI-X, queues share a vector")]
    [TestCase(1, "MSI-X, one vector")]
    [TestCase(0, "INTx line 11")]
    public void A_refused_vector_is_read_back_and_less_is_asked_for(int mappable, string kind)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = 8, MappableVectors = mappable };
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Describe().Interrupts, Is.EqualTo(kind));
        Assert.That(bench.Machine.Messages.NamesInUse.Count(), Is.EqualTo(mappable));
        Interrupt(bench, 0);
        Assert.That(bench.Sink.Events, Does.Contain("queue 0"));
    }

    [Test]
    public void Where_messages_cannot_be_turned_on_the_line_is_used_and_the_reason_told()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Alter = function => new FunctionWithoutMessages(function);
        string interrupts = bench.Start<VirtioNet>("net0").Describe().Interrupts;
        Assert.That(interrupts, Does.StartWith("INTx line 11"));
        Assert.That(bench.Machine.Messages.NamesInUse, Is.Empty);
        Interrupt(bench, 0);
        Assert.That(bench.Sink.Events, Does.Contain("queue 0"));
    }

    [Test]
    public void A_function_with_ports_decodes_them()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        FunctionWithPorts? altered = null;
        bench.Alter = function => altered = new FunctionWithPorts(function);
        bench.Start<VirtioNet>("net0");
        Assert.That(altered!.DecodesPorts, Is.True);
    }

    [TestCase(2, "MSI-X, queues share a vector")]
    [TestCase(1, "MSI-X, one vector")]
    [TestCase(0, "INTx line 11")]
    public void A_machine_short_of_messages_is_asked_for_fewer(int messages, string kind)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Machine.Messages.MessagesLeft = messages;
        Assert.That(bench.Start<VirtioNet>("net0").Describe().Interrupts, Is.EqualTo(kind));
        Assert.That(bench.Machine.Messages.NamesInUse.Count(), Is.EqualTo(messages));
    }

    [Test]
    public void A_device_takes_one_message_where_others_will_need_the_rest()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Machine.Messages.AreScarce = true;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(bench.Machine.Messages.NamesInUse, Is.EqualTo(new[] { "net0 queues" }));
        Assert.That(net.Describe().Interrupts, Is.EqualTo("MSI-X, one vector"));
        Assert.That(net.Describe().InterruptReason, Is.EqualTo("the machine is short of messages"));
        Interrupt(bench, 1);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1", "configuration" }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Without_messages_the_line_is_used(bool deviceHasNone)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = deviceHasNone ? 0 : 8, InterruptLine = 5 };
        bench.Machine.Messages.MessagesExist = deviceHasNone;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Describe().Interrupts, Is.EqualTo("INTx line 5"));
        Assert.That(net.Describe().Queues.Select(q => q.Vector), Is.EqualTo(new[] { -1, -1 }));
        Assert.That(IsPinDisabled(bench), Is.False);
        Assert.That(bench.Model.Queues.ToArray().Select(queue => queue.Vector), Is.All.EqualTo(ModelQueue.NoVector));
        Assert.That(bench.Function!.ConfigurationVector, Is.EqualTo(ModelQueue.NoVector));
        Interrupt(bench, 0);
        Assert.That(bench.Sink.Events, Does.Contain("queue 0"));
    }

    [Test]
    public void A_polled_line_is_told_and_the_pin_is_switched_off()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = 0 };
        bench.Machine.Messages.LinesArePolled = true;
        VirtioNet net = bench.Start<VirtioNet>("net0");
        Assert.That(net.Describe().Interrupts, Is.EqualTo("polled, INTx line 11"));
        Assert.That(IsPinDisabled(bench), Is.True);
    }

    [TestCase(0, false, "")]
    [TestCase(1, true, "queue 0 queue 1")]
    [TestCase(2, true, "configuration")]
    [TestCase(3, true, "queue 0 queue 1 configuration")]
    public void Both_bits_of_the_ISR_byte_count(byte isr, bool claimed, string events)
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        bench.Options = new PciFunctionOptions { VectorCount = 0 };
        bench.Start<VirtioNet>("net0");
        bench.Machine.Messages.IsQueued = true;
        bench.Machine.Messages.PulseLine(bench.Options.InterruptLine);
        if ((isr & 1) != 0)
        {
            Interrupt(bench, 0);
        }

        if ((isr & 2) != 0)
        {
            bench.Model.ChangeConfiguration(() => { });
        }

        Assert.That(bench.Function!.IsrStatus, Is.EqualTo(isr));
        bench.Machine.Messages.Deliver();
        Assert.That(bench.Machine.Messages.Unclaimed, Is.EqualTo(claimed ? 0 : 1));
        Assert.That(string.Join(' ', bench.Sink.Events), Is.EqualTo(events));
        Assert.That(bench.Function.IsrStatus, Is.Zero, "reading has cleared the byte");
        bench.Machine.Messages.PulseLine(bench.Options.InterruptLine);
        bench.Machine.Messages.Deliver();
        Assert.That(bench.Machine.Messages.Unclaimed, Is.EqualTo(claimed ? 1 : 2));
    }

    [Test]
    public void A_device_that_cannot_interrupt_is_refused()
    {
        using ModelBench<NetDevice> noPin = NetBench.Create();
        noPin.Options = new PciFunctionOptions { VectorCount = 0, InterruptPin = 0 };
        Assert.That(
            noPin.FailToStart(noPin.Create<VirtioNet>("net0")),
            Does.StartWith("has neither usable MSI-X vectors nor"));

        using ModelBench<NetDevice> noLine = NetBench.Create();
        noLine.Options = new PciFunctionOptions { VectorCount = 0, InterruptLine = 255 };
        Assert.That(
            noLine.FailToStart(noLine.Create<VirtioNet>("net0")),
            Does.EndWith("gives no share in interrupt line 255"));

        using ModelBench<NetDevice> noIsr = NetBench.Create();
        noIsr.Options = new PciFunctionOptions { VectorCount = 0, HidesIsrStatus = true };
        Assert.That(noIsr.FailToStart(noIsr.Create<VirtioNet>("net0")), Does.StartWith("has neither"));
    }

    [Test]
    public void Interrupts_of_a_device_in_trouble_go_nowhere()
    {
        using ModelBench<NetDevice> bench = NetBench.Create();
        VirtioNet net = bench.Start<VirtioNet>("net0");
        bench.Model.SetNeedsReset("for the test");
        bench.Sink.Events.Clear();
        Interrupt(bench, 0);
        bench.Model.ChangeConfiguration(() => { });
        Assert.That(bench.Sink.Events, Is.Empty);
        net.Stop();
    }

    private static void Interrupt(ModelBench<NetDevice> bench, int queue) =>
        bench.Model.SendUsedNotification(bench.Model.Queues[queue]);

    private static bool IsPinDisabled(ModelBench<NetDevice> bench) =>
        (bench.Function!.ReadConfiguration(4, 2) & 0x400) != 0;
}
