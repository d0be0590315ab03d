using NUnit.Framework;
using VirtioGuest.Cosmos.Kernel.Terminal;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>The serial port: set up, fed, drained, stuck and absent.</summary>
public sealed class SerialPortTests
{
    [Test]
    public void The_port_is_set_up_for_115200_baud_8N1_without_interrupts()
    {
        var line = new SerialLine();
        var port = new SerialPort(line, SerialPort.First);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(port.IsPresent, Is.True);
            Assert.That(line.Divisor, Is.EqualTo(1));
            Assert.That(line.LineControl, Is.EqualTo(0x03));
            Assert.That(line.InterruptEnable, Is.Zero);
            Assert.That(line.Sent, Is.Empty);
        }
    }

    [TestCase(false, "b")]
    [TestCase(true, "b")]
    [TestCase(true, "blk 0")]
    public void What_was_typed_before_the_port_was_set_up_is_not_lost(bool hasFifos, string typed)
    {
        var line = new SerialLine { HasFifos = hasFifos };
        foreach (char character in typed)
        {
            line.Received.Enqueue((byte)character);
        }

        var port = new SerialPort(line, SerialPort.First);

        foreach (char character in typed)
        {
            Assert.That(port.TryReceive(out byte value), Is.True);
            Assert.That((char)value, Is.EqualTo(character));
        }
    }

    [Test]
    public void Fifos_are_switched_on_where_nothing_waits()
    {
        var line = new SerialLine();
        Assert.That(new SerialPort(line, SerialPort.First).IsPresent, Is.True);
        Assert.That(line.HasFifos, Is.True);
    }

    [Test]
    public void Bytes_are_sent_and_received_unchanged()
    {
        var line = new SerialLine();
        var port = new SerialPort(line, SerialPort.First);
        line.Received.Enqueue(0x80);

        port.Send(0xFF);
        port.Send((byte)'\n');

        using (Assert.EnterMultipleScope())
        {
            Assert.That(line.Sent, Is.EqualTo("\u00FF\n"));
            Assert.That(port.TryReceive(out byte value), Is.True);
            Assert.That(value, Is.EqualTo(0x80));
            Assert.That(port.TryReceive(out _), Is.False);
        }
    }

    [Test]
    public void Without_a_port_nothing_is_sent_and_nothing_received()
    {
        var line = new SerialLine { IsPresent = false };
        var port = new SerialPort(line, SerialPort.First);
        int writes = line.Writes.Count;

        port.Send(1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(port.IsPresent, Is.False);
            Assert.That(line.Writes, Has.Count.EqualTo(writes));
            Assert.That(port.TryReceive(out _), Is.False);
        }
    }

    [Test]
    public void A_stuck_line_costs_one_wait_until_it_moves_again()
    {
        var line = new SerialLine();
        var port = new SerialPort(line, SerialPort.First);

        line.IsFlowing = false;
        port.Send((byte)'a');
        int first = line.VainLooks;
        port.Send((byte)'b');
        int second = line.VainLooks - first;
        line.IsFlowing = true;
        port.Send((byte)'c');

        using (Assert.EnterMultipleScope())
        {
            Assert.That(first, Is.EqualTo(SerialPort.MaximumPolls));
            Assert.That(second, Is.EqualTo(1));
            Assert.That(line.Sent, Is.EqualTo("c"));
        }
    }
}
