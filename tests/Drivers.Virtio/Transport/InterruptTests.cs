using System.Linq;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Drivers.Virtio.Tests.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>Vectors, shared vectors and the line (virtio 1.4, 4.1.5.1.2 and 4.1.5.3 to 4.1.5.5).</summary>
public class InterruptTests
{
    [Test]
    public void Each_queue_and_the_configuration_have_a_vector()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        VirtioNet net = bench.StartNet();
        Assert.That(
            bench.Machine.Messages.NamesInUse,
            Is.EqualTo(new[] { "net0 configuration", "net0 receiveq1", "net0 transmitq1" }));
        Assert.That(net.Describe().Queues.Select(q => q.Vector), Is.EqualTo(new[] { 1, 2 }));
        Assert.That(net.Describe().Interrupts, Is.EqualTo("MSI-X, a vector per queue"));
        Assert.That(bench.Function.IsMsixEnabled, Is.True);
        Assert.That(bench.Function.IsPinDisabled, Is.True);

        bench.Device.InterruptQueue(0);
        bench.Device.InterruptQueue(1);
        bench.Device.ChangeConfiguration(_ => { });
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1", "configuration" }));
    }

    [Test]
    public void With_two_vectors_the_queues_share_one()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Function.VectorCount = 2;
        VirtioNet net = bench.StartNet();
        Assert.That(net.Describe().Queues.Select(q => q.Vector), Is.EqualTo(new[] { 1, 1 }));
        bench.Device.InterruptQueue(1);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1" }));
        bench.Device.ChangeConfiguration(_ => { });
        Assert.That(bench.Sink.Events, Has.Count.EqualTo(3));
    }

    [Test]
    public void With_one_vector_it_serves_everything()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Function.VectorCount = 1;
        VirtioNet net = bench.StartNet();
        Assert.That(net.Describe().Queues.Select(q => q.Vector), Is.EqualTo(new[] { 0, 0 }));
        bench.Device.InterruptQueue(0);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1", "configuration" }));
    }

    [TestCase(2, "MSI-X, queues share a vector")]
    [TestCase(1, "MSI-X, one vector")]
    [TestCase(0, "INTx line 11")]
    public void A_refused_vector_is_read_back_and_less_is_asked_for(int mappable, string kind)
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Device.MappableVectors = mappable;
        VirtioNet net = bench.StartNet();
        Assert.That(net.Describe().Interrupts, Is.EqualTo(kind));
        Assert.That(bench.Machine.Messages.NamesInUse.Count(), Is.EqualTo(mappable));
        Assert.That(bench.Device.InterruptQueue(0), Is.True);
        Assert.That(bench.Sink.Events, Does.Contain("queue 0"));
    }

    [TestCase(2, "MSI-X, queues share a vector")]
    [TestCase(1, "MSI-X, one vector")]
    [TestCase(0, "INTx line 11")]
    public void A_machine_short_of_messages_is_asked_for_fewer(int messages, string kind)
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Machine.Messages.MessagesLeft = messages;
        Assert.That(bench.StartNet().Describe().Interrupts, Is.EqualTo(kind));
        Assert.That(bench.Machine.Messages.NamesInUse.Count(), Is.EqualTo(messages));
    }

    [Test]
    public void A_device_takes_one_message_where_others_will_need_the_rest()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Machine.Messages.AreScarce = true;
        VirtioNet net = bench.StartNet();
        Assert.That(bench.Machine.Messages.NamesInUse, Is.EqualTo(new[] { "net0 queues" }));
        Assert.That(net.Describe().Interrupts, Is.EqualTo("MSI-X, one vector"));
        Assert.That(net.Describe().InterruptReason, Is.EqualTo("the machine is short of messages"));
        bench.Device.InterruptQueue(1);
        Assert.That(bench.Sink.Events, Is.EqualTo(new[] { "queue 0", "queue 1", "configuration" }));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Without_messages_the_line_is_used(bool deviceHasNone)
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Function.VectorCount = deviceHasNone ? 0 : 8;
        bench.Machine.Messages.MessagesExist = deviceHasNone;
        bench.Function.InterruptLine = 5;
        VirtioNet net = bench.StartNet();
        Assert.That(bench.Machine.Messages.LineNumber, Is.EqualTo(5));
        Assert.That(net.Describe().Queues.Select(q => q.Vector), Is.EqualTo(new[] { -1, -1 }));
        Assert.That(bench.Function.IsPinDisabled, Is.False);
        Assert.That(bench.Device.Writes, Has.None.Contains("msix_vector"));
    }

    [Test]
    public void A_polled_line_is_told_and_the_pin_is_switched_off()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Function.VectorCount = 0;
        bench.Machine.Messages.LinesArePolled = true;
        VirtioNet net = bench.StartNet();
        Assert.That(net.Describe().Interrupts, Is.EqualTo("polled, INTx line 11"));
        Assert.That(bench.Function.IsPinDisabled, Is.True);
    }

    [TestCase(0, false, "")]
    [TestCase(1, true, "queue 0 queue 1")]
    [TestCase(2, true, "configuration")]
    [TestCase(3, true, "queue 0 queue 1 configuration")]
    public void Both_bits_of_the_ISR_byte_count(byte isr, bool claimed, string events)
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        bench.Function.VectorCount = 0;
        bench.StartNet();
        Assert.That(bench.Device.RaiseLine(isr), Is.EqualTo(claimed));
        Assert.That(string.Join(' ', bench.Sink.Events), Is.EqualTo(events));
        Assert.That(bench.Device.RaiseLine(0), Is.False, "reading has cleared the byte");
    }

    [Test]
    public void A_device_that_cannot_interrupt_is_refused()
    {
        using DeviceBench<SimulatedNetwork> noPin = Bench.Network();
        noPin.Function.VectorCount = 0;
        noPin.Function.InterruptPin = 0;
        Assert.That(noPin.FailToStart(noPin.NewNet()), Does.StartWith("has neither usable MSI-X vectors nor"));

        using DeviceBench<SimulatedNetwork> noLine = Bench.Network();
        noLine.Function.VectorCount = 0;
        noLine.Function.InterruptLine = 255;
        Assert.That(noLine.FailToStart(noLine.NewNet()), Does.EndWith("gives no share in interrupt line 255"));

        using DeviceBench<SimulatedNetwork> noIsr = Bench.Network();
        noIsr.Function.VectorCount = 0;
        noIsr.Function.Capabilities.RemoveAt(1);
        Assert.That(noIsr.FailToStart(noIsr.NewNet()), Does.StartWith("has neither"));
    }

    [Test]
    public void Interrupts_of_a_device_in_trouble_go_nowhere()
    {
        using DeviceBench<SimulatedNetwork> bench = Bench.Network();
        VirtioNet net = bench.StartNet();
        bench.Device.SetNeedsReset();
        bench.Sink.Events.Clear();
        bench.Device.InterruptQueue(0);
        bench.Device.ChangeConfiguration(_ => { });
        Assert.That(bench.Sink.Events, Is.Empty);
        net.Stop();
    }
}
