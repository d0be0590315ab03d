using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests.Tcp;

/// <summary>What is done with segments that come in (RFC 9293, 3.10.7.4; RFC 5961; RFC 7323).</summary>
public sealed class TcpReceiveTests
{
    [Test]
    public void Data_is_read_in_pieces_and_can_be_looked_at_first()
    {
        TcpScript script = TcpScript.Open();
        script.In("P. 1:101 ack 1");
        byte[] peeked = new byte[30];

        Assert.That(script.Socket.Receive(peeked, out int count, isPeek: true), Is.EqualTo(TcpStatus.Ok));
        Assert.That((count, peeked), Is.EqualTo((30, TcpScript.Pattern(1, 30))));
        Assert.That(script.Socket.Available, Is.EqualTo(100));
        script.Read(60);
        script.Read(40);
        script.Read(0);
    }

    [Test]
    public void A_small_segment_is_acknowledged_after_a_while_and_two_large_ones_at_once()
    {
        TcpScript script = TcpScript.Open();
        script.In("P. 1:101 ack 1");
        script.Wait(39);
        script.Quiet();
        script.Wait(1);
        script.Out(". 1:1 ack 101");

        script.In(". 101:1561 ack 1");
        script.Quiet();
        script.In(". 1561:3021 ack 1");
        script.Out(". 1:1 ack 3021");
        script.Wait(100);
        script.Quiet();
    }

    [Test]
    public void Data_takes_the_acknowledgment_along()
    {
        TcpScript script = TcpScript.Open();
        script.In("P. 1:101 ack 1");

        script.Write(10);

        script.Out("P. 1:11 ack 101");
        script.Wait(100);
        script.Quiet();
    }

    [Test]
    public void Segments_out_of_order_are_acknowledged_at_once_and_put_in_order()
    {
        TcpScript script = TcpScript.Open("mss 1460 sackOK");
        script.In(". 201:301 ack 1");
        script.Out(". 1:1 ack 1 sack 201-301");
        script.In(". 401:501 ack 1");
        script.Out(". 1:1 ack 1 sack 401-501,201-301");
        script.In(". 301:351 ack 1");
        script.Out(". 1:1 ack 1 sack 201-351,401-501");
        Assert.That(script.Socket.Available, Is.Zero);

        script.In(". 1:201 ack 1");
        script.Out(". 1:1 ack 351 sack 401-501");
        script.In(". 351:401 ack 1");
        script.Out(". 1:1 ack 501");
        script.Read(500);
    }

    [Test]
    public void Overlapping_segments_give_each_byte_once()
    {
        TcpScript script = TcpScript.Open();
        script.In(". 51:151 ack 1");
        script.In(". 101:301 ack 1");
        script.In(". 1:121 ack 1");
        script.In(". 1:301 ack 1");
        script.Skip();

        script.Read(300);
        script.Read(0);
    }

    [Test]
    public void Old_data_is_acknowledged_again()
    {
        TcpScript script = TcpScript.Open();
        script.In(". 1:101 ack 1");
        script.Wait(40);
        script.Out(". 1:1 ack 101");

        script.In(". 1:101 ack 1");
        script.Out(". 1:1 ack 101");
    }

    [Test]
    public void The_window_closes_and_opens_with_what_is_read()
    {
        TcpSettings settings = TcpSettings.Default with { ReceiveBuffer = 4096 };
        TcpScript script = TcpScript.Open(settings: settings);
        script.In(". 1:1461 ack 1");
        script.In(". 1461:2921 ack 1");
        script.Out(". 1:1 ack 2921 win 1176");
        script.In(". 2921:4097 ack 1");
        script.Wait(40);
        script.Out(". 1:1 ack 4097 win 0");

        // What a peer sends to ask whether the window is open: nothing new, or a byte too much.
        script.In(". 4096:4096 ack 1");
        script.Out(". 1:1 ack 4097 win 0");
        script.In(". 4097:4098 ack 1");
        script.Out(". 1:1 ack 4097 win 0");

        script.Read(1000);
        script.Quiet();
        script.Read(1100);
        script.Out(". 1:1 ack 4097 win 2100");
    }

    [Test]
    public void A_closed_window_still_lets_acknowledgments_in()
    {
        TcpSettings settings = TcpSettings.Default with { ReceiveBuffer = 4096 };
        TcpScript script = TcpScript.Open("mss 4096", settings);
        script.Write(10);
        script.Out("P. 1:11");
        script.In(". 1:4097 ack 1");
        script.Out(". 11:11 ack 4097 win 0");

        script.In(". 4097:4097 ack 11");

        Assert.That(script.Socket.Unacknowledged, Is.Zero);
    }

    [Test]
    public void Memory_for_data_out_of_order_is_bounded()
    {
        TcpScript script = TcpScript.Open();
        for (int i = 0; i < 1000; i++)
        {
            script.In($". {3 + (2 * i)}:{4 + (2 * i)} ack 1");
        }

        script.Skip();
        script.In(". 1:3000 ack 1");
        script.Read(2999);
    }

    [TestCase("R 2:2", TestName = "A RST in the window")]
    [TestCase("R 65000:65000", TestName = "A RST at the end of the window")]
    [TestCase("S 1:1", TestName = "A SYN in the window")]
    [TestCase("S 0:0", TestName = "The SYN again")]
    [TestCase("S. 5:5 ack 1", TestName = "A SYN with an acknowledgment")]
    [TestCase(". 1:2 ack 2", TestName = "Data that acknowledges what was never sent")]
    [TestCase(". 1:2 ack 4294900000", TestName = "Data that acknowledges what is long past")]
    public void What_a_blind_attacker_could_send_gets_a_challenge(string segment)
    {
        TcpScript script = TcpScript.Open();

        script.In(segment);

        script.Out(". 1:1 ack 1");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.Established));
        Assert.That(script.Socket.Available, Is.Zero);
    }

    [Test]
    public void A_RST_outside_the_window_is_ignored_and_the_exact_one_counts()
    {
        TcpScript script = TcpScript.Open();
        List<TcpReadiness> raised = [];
        script.Socket.ReadinessChanged += raised.Add;
        script.In("P. 1:11 ack 1");
        script.In("R 200000:200000");
        script.In("R 0:0");
        script.Quiet();

        script.In("R 11:11");

        Assert.That(script.Socket.Error, Is.EqualTo(TcpStatus.Reset));
        Assert.That(raised[^1] & TcpReadiness.Error, Is.Not.Zero);
        script.Read(10);
        Assert.That(script.ReadEnd(), Is.EqualTo(TcpStatus.Reset));
        Assert.That(script.Socket.Send([1], out _), Is.EqualTo(TcpStatus.Reset));
        script.Quiet();
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.Zero);
    }

    [Test]
    public void Challenges_are_limited_and_the_limit_is_forgotten_after_a_second()
    {
        TcpScript script = TcpScript.Open();
        for (int i = 0; i < 1000; i++)
        {
            script.In("R 2:2");
        }

        Assert.That(script.Skip(), Is.EqualTo(10));
        script.Wait(1000);
        script.In("R 2:2");
        Assert.That(script.Skip(), Is.EqualTo(1));
    }

    [Test]
    public void An_old_timestamp_makes_a_segment_a_duplicate()
    {
        TcpScript script = TcpScript.Open(TcpScript.AllOptions);
        script.In("P. 1:11 ack 1 ts 2000");
        script.Wait(40);
        script.Out(". 1:1 ack 11 tsecr 2000");

        script.In("P. 11:21 ack 1 ts 1999");
        script.Out(". 1:1 ack 11 tsecr 2000");
        Assert.That(script.Socket.Available, Is.EqualTo(10));

        // Without one a segment is not from our peer (RFC 7323, 3.2); a RST needs none.
        script.In("P. 11:21 ack 1");
        script.Quiet();
        script.In("P. 11:21 ack 1 ts 2001");
        Assert.That(script.Socket.Available, Is.EqualTo(20));
        script.In("R 21:21");
        Assert.That(script.Socket.Error, Is.EqualTo(TcpStatus.Reset));
    }

    [Test]
    public void After_weeks_of_silence_an_old_timestamp_counts_again()
    {
        TcpScript script = TcpScript.Open(TcpScript.AllOptions);
        script.Wait(25.0 * 24 * 3600 * 1000);

        script.In("P. 1:11 ack 1 ts 5");

        script.Read(10);
    }

    [Test]
    public void The_echoed_timestamp_is_that_of_the_segment_that_was_acknowledged_first()
    {
        TcpScript script = TcpScript.Open(TcpScript.AllOptions);
        script.In(". 1:101 ack 1 ts 1100");
        script.In(". 101:201 ack 1 ts 1200");
        script.Wait(40);
        script.Out(". 1:1 ack 201 tsecr 1100");

        // Beyond a gap: the time of the last segment in order (RFC 7323, 4.3).
        script.In(". 301:401 ack 1 ts 1300");
        script.Out(". 1:1 ack 201 tsecr 1100 sack 301-401");
    }

    [TestCase(2, 3)]
    [TestCase(3, 4)]
    [TestCase(4, 3)]
    [TestCase(5, 9)]
    [TestCase(5, 2)]
    [TestCase(8, 9)]
    [TestCase(99, 0)]
    [TestCase(99, 1)]
    [TestCase(99, 40)]
    public void A_segment_with_an_impossible_option_is_dropped(byte kind, byte length)
    {
        TcpScript script = TcpScript.Open();
        long before = script.Network.Dropped(DropReason.TcpMalformed);
        byte[] segment = Frames.Tcp(
            Network.NeighbourAddress, Network.OwnAddress, 4000, 80, 1, 1, 0x10, 100, [1, kind, length, 0], []);

        script.Network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 6, segment));

        Assert.That(script.Network.Dropped(DropReason.TcpMalformed) - before, Is.EqualTo(1));
        script.Quiet();
    }

    [Test]
    public void An_unknown_option_and_one_behind_the_end_make_no_difference()
    {
        TcpScript script = TcpScript.Listening();
        byte[] options = [253, 4, 1, 2, 2, 4, 1, 0, 0, 5, 99, 0];
        byte[] segment = Frames.Tcp(
            Network.NeighbourAddress, Network.OwnAddress, 4000, 80, 1, 0, 0x02, 100, options, []);

        script.Network.ReceivePacket(Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 6, segment));

        Assert.That(script.Skip(), Is.EqualTo(1));
    }

    [Test]
    public void A_checksum_that_the_device_has_seen_to_is_not_looked_at()
    {
        TcpScript script = TcpScript.Listening();
        byte[] packet = script.Packet("S 0:0 mss 1460");
        packet[20 + 16] ^= 1;
        byte[] frame = Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x0800, packet);
        script.Network.Stack.OnFrame(frame, FrameChecksum.Partial);
        Assert.That(script.Network.Dropped(DropReason.TcpChecksum), Is.Zero);
        Assert.That(script.Skip(), Is.EqualTo(1));
        script.Network.Stack.OnFrame(frame);
        Assert.That(script.Network.Dropped(DropReason.TcpChecksum), Is.EqualTo(1));
    }

    [Test]
    public void A_wrong_checksum_a_wrong_length_and_a_broadcast_are_dropped()
    {
        TcpScript script = TcpScript.Listening();
        byte[] packet = script.Packet("S 0:0 mss 1460");
        packet[^1] ^= 1;
        script.Network.ReceivePacket(packet);
        Assert.That(script.Network.Dropped(DropReason.TcpChecksum), Is.EqualTo(1));

        script.Network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 6, new byte[19]));
        Assert.That(script.Network.Dropped(DropReason.TcpMalformed), Is.EqualTo(1));

        byte[] segment = script.Packet("S 0:0 mss 1460")[20..];
        script.Network.ReceivePacket(
            Frames.IPv4(Network.NeighbourAddress, new IPv4Address(10, 0, 2, 255), 6, segment), MacAddress.Broadcast);
        script.Quiet();
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.Zero);
    }

    [Test]
    public void Each_arrival_is_told()
    {
        TcpScript script = TcpScript.Open();
        List<TcpReadiness> raised = [];
        script.Socket.ReadinessChanged += raised.Add;

        script.In("P. 1:11 ack 1");
        script.In("P. 21:31 ack 1");
        script.In("P. 11:21 ack 1");
        script.In("F. 31:31 ack 1");

        Assert.That(raised, Is.EqualTo(new[]
        {
            TcpReadiness.Readable,
            TcpReadiness.Readable,
            TcpReadiness.Readable | TcpReadiness.ReadClosed,
        }));
        Assert.That(
            script.Socket.Readiness,
            Is.EqualTo(TcpReadiness.Readable | TcpReadiness.ReadClosed | TcpReadiness.Writable));
        script.Read(30);
        Assert.That(script.ReadEnd(), Is.EqualTo(TcpStatus.Ok));
    }

    [Test]
    public void A_handler_may_call_the_socket()
    {
        TcpScript script = TcpScript.Open();
        byte[] buffer = new byte[100];
        script.Socket.ReadinessChanged += _ =>
        {
            if (script.Socket.Receive(buffer, out int count) == TcpStatus.Ok && count > 0)
            {
                script.Socket.Send(buffer.AsSpan(0, count), out int _);
            }
        };

        script.In("P. 1:11 ack 1");

        script.Out("P. 1:11 ack 11");
    }
}
