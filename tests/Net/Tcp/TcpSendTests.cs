using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Net.Tcp;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests.Tcp;

/// <summary>When data is sent, and when again (RFC 9293, 3.7 and 3.8; RFC 6298; RFC 6675; RFC 6582).</summary>
public sealed class TcpSendTests
{
    private const string Sack = "mss 1000 sackOK";

    [Test]
    public void Large_data_goes_in_full_segments_and_the_last_one_pushes()
    {
        TcpScript script = TcpScript.Open("mss 1000", TcpSettings.Default with { NoDelay = true });

        script.Write(2500);

        script.Out(". 1:1001 ack 1");
        script.Out(". 1001:2001 ack 1");
        script.Out("P. 2001:2501 ack 1");
    }

    [Test]
    public void Small_data_waits_for_acknowledgments_unless_told_not_to()
    {
        TcpScript script = TcpScript.Open();
        script.Write(10);
        script.Out("P. 1:11");
        script.Write(10);
        script.Write(10);
        script.Quiet();
        script.In(". 1:1 ack 11");
        script.Out("P. 11:31");

        script.Socket.Settings = script.Settings with { NoDelay = true };
        script.Write(10);
        script.Write(10);
        script.Out("P. 31:41");
        script.Out("P. 41:51");
    }

    [Test]
    public void The_first_flight_is_ten_segments()
    {
        TcpScript script = TcpScript.Open("mss 1000");

        script.Write(50_000);

        Assert.That(script.Skip(), Is.EqualTo(10));
        script.In(". 1:1 ack 1001");
        Assert.That(script.Skip(), Is.EqualTo(2), "slow start");
    }

    [Test]
    public void The_window_of_the_peer_is_kept()
    {
        TcpScript script = TcpScript.Open("mss 1000", window: 2500);

        script.Write(5000);

        script.Out(". 1:1001");
        script.Out(". 1001:2001");
        script.Quiet();
        script.In(". 1:1 ack 2001 win 2500");
        script.Out(". 2001:3001");
        script.Out(". 3001:4001");
        script.Quiet();
    }

    [Test]
    public void A_scaled_window_counts_in_full()
    {
        TcpScript script = TcpScript.Open("mss 1000 ws 7", window: 20);
        script.In(". 1:1 ack 1 win 20");

        script.Write(5000);

        Assert.That(script.Skip(), Is.EqualTo(2), "20 times 128 bytes are two full segments");
    }

    [Test]
    public void A_sender_without_answer_sends_again_with_growing_pauses_and_gives_up()
    {
        TcpScript script = TcpScript.Open("mss 1000");
        script.Write(3000);
        Assert.That(script.Skip(), Is.EqualTo(3));
        List<TcpReadiness> raised = [];
        script.Socket.ReadinessChanged += raised.Add;

        double pause = 200;
        for (int i = 0; i < 9; i++)
        {
            script.Wait(pause - 1);
            script.Quiet();
            script.Wait(1);
            script.Out(i < 2 ? ". 1:1001" : ". 1:537");
            script.Quiet();
            pause = Math.Min(pause * 2, 60_000);
        }

        script.Wait(60_000);
        script.Out("R. 3001:3001 ack 1");
        Assert.That(script.Socket.Error, Is.EqualTo(TcpStatus.TimedOut));
        Assert.That(raised[^1] & TcpReadiness.Error, Is.Not.Zero);
    }

    [Test]
    public void The_timeout_follows_the_round_trip_time()
    {
        TcpScript script = TcpScript.Open("mss 1000");
        for (int i = 0; i < 60; i++)
        {
            script.Write(1000);
            script.Skip();
            script.Wait(190);
            script.In($". 1:1 ack {(1000 * (i + 1)) + 1}");
        }

        // 190 ms, and little variation left.
        script.Write(1000);
        script.Skip();
        script.Wait(189);
        script.Quiet();
        script.Wait(60);
        script.Out("P. 60001:61001");
    }

    [Test]
    public void What_was_sent_twice_is_not_measured_and_leaves_the_timeout_doubled()
    {
        TcpScript script = TcpScript.Open("mss 1000");
        script.Write(1000);
        script.Out("P. 1:1001");
        script.Wait(200);
        script.Out("P. 1:1001");
        script.Wait(390);
        script.In(". 1:1 ack 1001");

        script.Write(1000);
        script.Out("P. 1001:2001");
        script.Wait(399);
        script.Quiet();
        script.Wait(1);
        script.Out("P. 1001:2001");
    }

    [Test]
    public void A_timestamp_measures_what_was_sent_twice()
    {
        TcpScript script = TcpScript.Open("mss 1000 ts 1000");
        script.Write(988);
        script.Out("P. 1:989");
        script.Wait(200);
        script.Out("P. 1:989");
        script.Wait(350);
        script.In(". 1:1 ack 989 ts 1001");

        script.Write(988);
        script.Out("P. 989:1977");
        script.Wait(210);
        script.Quiet();
    }

    [Test]
    public void Three_duplicates_are_answered_at_once()
    {
        TcpScript script = TcpScript.Open("mss 1000");
        script.Write(9000);
        Assert.That(script.Skip(), Is.EqualTo(9));
        script.In(". 1:1 ack 1");
        script.In(". 1:1 ack 1");
        script.Quiet();
        script.In(". 1:1 ack 1");
        script.Out(". 1:1001");
        script.Quiet();

        // A partial acknowledgment: the next hole (RFC 6582).
        script.In(". 1:1 ack 4001");
        script.Out(". 4001:5001");
        script.In(". 1:1 ack 9001");
        script.Quiet();
        Assert.That(script.Socket.Unacknowledged, Is.Zero);
    }

    [Test]
    public void The_first_two_duplicates_let_new_data_out()
    {
        TcpScript script = TcpScript.Open("mss 1000");
        script.Write(50_000);
        Assert.That(script.Skip(), Is.EqualTo(10));

        script.In(". 1:1 ack 1");
        script.Out(". 10001:11001");
        script.In(". 1:1 ack 1");
        script.Out(". 11001:12001");
    }

    [Test]
    public void A_window_update_is_no_duplicate()
    {
        TcpScript script = TcpScript.Open("mss 1000");
        script.Write(9000);
        script.Skip();

        script.In(". 1:1 ack 1 win 60000");
        script.In(". 1:1 ack 1 win 61000");
        script.In(". 1:1 ack 1 win 62000");
        script.In("P. 1:2 ack 1 win 62000");

        script.Quiet();
    }

    [Test]
    public void Every_hole_that_SACK_shows_is_filled()
    {
        TcpScript script = TcpScript.Open(Sack);
        script.Write(10_000);
        Assert.That(script.Skip(), Is.EqualTo(10));
        script.In(". 1:1 ack 1 sack 1001-2001");
        script.In(". 1:1 ack 1 sack 3001-4001,1001-2001");
        script.Quiet();
        script.In(". 1:1 ack 1 sack 5001-6001,3001-4001,1001-2001");
        script.Out(". 1:1001");

        // The pipe holds seven at most; each block makes room, and shows the next hole.
        script.In(". 1:1 ack 1 sack 5001-7001,3001-4001,1001-2001");
        script.In(". 1:1 ack 1 sack 5001-8001,3001-4001,1001-2001");
        script.Out(". 2001:3001");
        script.Out(". 4001:5001");
        script.Skip();
        script.In(". 1:1 ack 10001");
        Assert.That(script.Socket.Unacknowledged, Is.Zero);
    }

    [Test]
    public void One_large_SACK_block_shows_a_loss_as_well_as_three_duplicates()
    {
        TcpScript script = TcpScript.Open(Sack);
        script.Write(10_000);
        script.Skip();

        script.In(". 1:1 ack 1 sack 1001-3002");

        script.Out(". 1:1001");
    }

    [Test]
    public void Two_segments_out_of_order_are_no_loss()
    {
        TcpScript script = TcpScript.Open(Sack);
        script.Write(10_000);
        script.Skip();

        script.In(". 1:1 ack 1 sack 1001-2001");
        script.In(". 1:1 ack 1 sack 1001-3001");
        script.In(". 1:1 ack 3001");

        script.Wait(100);
        script.Quiet();
        Assert.That(script.Network.Stack.GetStatistics().TcpSegmentsRepeated, Is.Zero);
    }

    [Test]
    public void SACK_blocks_that_lie_do_no_harm()
    {
        TcpScript script = TcpScript.Open(Sack);
        script.Write(5000);
        script.Skip();
        script.In(". 1:1 ack 1 sack 90001-99001,3001-2001,4294900000-2");
        script.In(". 1:1 ack 1 sack 1-5001");
        script.In(". 1:1 ack 1 sack 1001-5001");
        script.Skip();

        script.In(". 1:1 ack 5001");

        Assert.That(script.Socket.Unacknowledged, Is.Zero);
    }

    [Test]
    public void After_a_timeout_everything_is_sent_again_as_the_acknowledgments_come()
    {
        TcpScript script = TcpScript.Open("mss 1000");
        script.Write(5000);
        Assert.That(script.Skip(), Is.EqualTo(5));
        script.Wait(200);
        script.Out(". 1:1001");
        script.Quiet();
        script.In(". 1:1 ack 1001");
        script.Out(". 1001:2001");
        script.Out(". 2001:3001");
        script.Quiet();
        script.In(". 1:1 ack 5001");
        script.Quiet();
    }

    [Test]
    public void A_closed_window_is_asked_again_and_again_for_hours()
    {
        TcpScript script = TcpScript.Open("mss 1000", window: 1000);
        script.Write(3000);
        script.Out(". 1:1001");
        script.In(". 1:1 ack 1001 win 0");
        double pause = 200;
        for (int i = 0; i < 60; i++)
        {
            script.Wait(pause - 1);
            script.Quiet();
            script.Wait(1);
            script.Out(". 1000:1000");
            script.In(". 1:1 ack 1001 win 0");
            pause = Math.Min(pause * 2, 60_000);
        }

        script.In(". 1:1 ack 1001 win 5000");
        script.Out(". 1001:2001");
        script.Out("P. 2001:3001");
    }

    [Test]
    public void A_closed_window_that_no_longer_answers_ends_the_connection()
    {
        TcpScript script = TcpScript.Open("mss 1000", window: 1000);
        script.Write(3000);
        script.Out(". 1:1001");
        script.In(". 1:1 ack 1001 win 0");

        script.Wait(200_000);

        Assert.That(script.Socket.Error, Is.EqualTo(TcpStatus.TimedOut));
    }

    [Test]
    public void A_window_too_small_for_a_segment_is_used_after_a_pause()
    {
        TcpScript script = TcpScript.Open("mss 1000", window: 3000);
        script.Write(3000);
        Assert.That(script.Skip(), Is.EqualTo(3));
        script.Write(2000);
        script.In(". 1:1 ack 3001 win 100");
        script.Quiet();

        script.Wait(200);

        script.Out(". 3001:3101");
    }

    [Test]
    public void A_window_that_shrinks_below_what_is_in_flight_does_no_harm()
    {
        TcpScript script = TcpScript.Open("mss 1000", window: 5000);
        script.Write(5000);
        Assert.That(script.Skip(), Is.EqualTo(5));
        script.In(". 1:1 ack 1001 win 0");
        script.Wait(100_000);
        script.Skip();

        script.In(". 1:1 ack 5001 win 5000");
        Assert.That(script.Socket.Unacknowledged, Is.Zero);
    }

    [Test]
    public void A_full_buffer_says_so_and_tells_when_there_is_room()
    {
        TcpScript script = TcpScript.Open("mss 1000", TcpSettings.Default with { SendBuffer = 8192 });
        List<TcpReadiness> raised = [];
        script.Socket.ReadinessChanged += raised.Add;

        Assert.That(script.Socket.Send(TcpScript.Pattern(1, 10_000), out int taken), Is.EqualTo(TcpStatus.Ok));
        Assert.That(taken, Is.EqualTo(8192));
        Assert.That(script.Socket.Send([1], out _), Is.EqualTo(TcpStatus.WouldBlock));
        Assert.That(script.Socket.Readiness, Is.EqualTo(TcpReadiness.None));
        script.In(". 1:1 ack 1001");
        Assert.That(raised, Is.Empty);
        script.In(". 1:1 ack 3001");
        Assert.That(raised, Is.EqualTo(new[] { TcpReadiness.Writable }));
    }

    [Test]
    public void A_path_that_carries_less_is_believed_before_anything_got_through()
    {
        TcpScript script = TcpScript.Open("mss 1460");
        script.Write(2920);
        script.Out(". 1:1461");
        script.Out("P. 1461:2921");
        script.Unreachable(4, sequence: 9999, mtu: 600);
        script.Quiet();

        script.Unreachable(4, sequence: 1, mtu: 1040);

        script.Out(". 1:1001");
        script.Skip();
        script.In(". 1:1 ack 2921");
        script.Write(2000);
        script.Out(". 2921:3921");
    }

    [Test]
    public void A_claim_against_the_evidence_needs_a_timeout()
    {
        TcpScript script = TcpScript.Open("mss 1460");
        script.Write(1460);
        script.In(". 1:1 ack 1461");
        script.Write(1460);
        script.Skip();

        script.Unreachable(4, sequence: 1461, mtu: 576);
        script.Quiet();
        script.Wait(200);
        script.Out(". 1461:1997");

        // Where the segment gets through after all, the claim was false.
        TcpScript other = TcpScript.Open("mss 1460");
        other.Write(1460);
        other.In(". 1:1 ack 1461");
        other.Write(1460);
        other.Skip();
        other.Unreachable(4, sequence: 1461, mtu: 576);
        other.In(". 1:1 ack 2921");
        other.Write(1460);
        other.Out("P. 2921:4381");
    }

    [Test]
    public void Nobody_makes_segments_smaller_than_the_smallest_path()
    {
        TcpScript script = TcpScript.Open("mss 1");
        script.Write(1000);
        script.Out(". 1:29");

        TcpScript other = TcpScript.Open("mss 1460");
        other.Write(1460);
        other.Skip();
        other.Unreachable(4, sequence: 1, mtu: 68);
        other.Out(". 1:217");
    }

    [Test]
    public void The_smallest_link_carries_segments_and_SACK_blocks_that_fit()
    {
        TcpScript script = TcpScript.Open(TcpScript.AllOptions.Replace("1460", "28"), mtu: 68);
        script.Write(48);
        script.Out(". 1:17");
        script.Out(". 17:33");
        script.Out("P. 33:49");
        script.In(". 1:1 ack 49 ts 1001");

        script.In("P. 11:21 ack 49 ts 1002");
        script.Out(". 49:49 ack 1 sack 11-21");
        script.In("P. 31:41 ack 49 ts 1003");
        script.Out(". 49:49 ack 1 sack 31-41");
        script.In("P. 1:11 ack 49 ts 1004");
        script.Out(". 49:49 ack 21 sack 31-41");
        script.In("P. 21:31 ack 49 ts 1005");
        script.Read(40);

        TcpScript asking = TcpScript.Connecting(mtu: 68);
        asking.Out("S 0:0 mss 28 sackOK ws 2");
    }

    [Test]
    public void Segments_may_not_be_cut_on_the_way()
    {
        TcpScript script = TcpScript.Open();
        script.Write(10);

        byte[] frame = script.Network.SentIPv4()[^1];

        Assert.That(Frames.WordAt(frame, 20), Is.EqualTo(0x4000));
    }

    [Test]
    public void A_link_without_room_delays_and_loses_nothing()
    {
        TcpScript script = TcpScript.Open("mss 1000");
        script.Network.Link.HasRoom = false;
        script.Write(3000);
        script.In("P. 1:11 ack 1");
        script.Wait(50);
        script.Quiet();

        script.Network.Link.HasRoom = true;
        script.Wait(1);

        script.Out(". 1:1001 ack 11");
        script.Out(". 1001:2001 ack 11");
        script.Out("P. 2001:3001 ack 11");
        Assert.That(script.Network.Stack.GetStatistics().TcpSegmentsRepeated, Is.Zero);
    }

    [Test]
    public void A_link_without_room_for_ever_ends_the_connection()
    {
        TcpScript script = TcpScript.Open("mss 1000");
        script.Network.Link.HasRoom = false;
        script.Write(3000);

        script.Wait(200_000);

        Assert.That(script.Socket.Error, Is.EqualTo(TcpStatus.TimedOut));
    }

    [Test]
    public void CUBIC_gives_up_three_tenths_and_comes_back_on_a_curve()
    {
        var congestion = new TcpCongestion();
        congestion.Begin(1000, wasSynLost: false);
        Assert.That(congestion.Window, Is.EqualTo(10_000));
        TimeSpan roundTrip = TimeSpan.FromMilliseconds(100);
        TimeSpan now = TimeSpan.FromSeconds(1);
        for (int i = 0; i < 90; i++)
        {
            congestion.OnAcknowledged(1000, now, roundTrip);
        }

        Assert.That(congestion.Window, Is.EqualTo(100_000));
        congestion.OnLoss();
        Assert.That(congestion.Window, Is.EqualTo(70_000));

        // K = cbrt(100 * 0.3 / 0.4) = 4.2 s (RFC 9438, 4.2).
        List<long> windows = [];
        for (int i = 0; i < 84; i++)
        {
            now += roundTrip;
            long flight = congestion.Window;
            for (long acknowledged = 0; acknowledged < flight; acknowledged += 1000)
            {
                congestion.OnAcknowledged(1000, now, roundTrip);
            }

            windows.Add(congestion.Window);
        }

        Assert.That(windows, Is.Ordered);
        Assert.That(windows[20], Is.InRange(90_000, 99_000), "half of the time, most of the way");
        Assert.That(windows[41], Is.InRange(97_000, 103_000));
        Assert.That(windows[83], Is.InRange(120_000, 140_000));
        congestion.OnTimeout(isFirst: true);
        Assert.That(congestion.Window, Is.EqualTo(1000));
    }

    [Test]
    public void A_link_that_cuts_segments_gets_large_ones()
    {
        var link = new CuttingLink();
        var clock = new SimulatedClock();
        var stack = new NetworkStack(link, clock, new Random(1));
        stack.TrySetStatic(Network.OwnAddress, 24, IPv4Address.Any);
        stack.OnFrame(Frames.Ethernet(
            MacAddress.Broadcast,
            Network.NeighbourHardware,
            0x0806,
            Frames.Arp(1, Network.NeighbourHardware, Network.NeighbourAddress, default, Network.OwnAddress)));
        TcpSocket socket = stack.OpenTcp();
        socket.Connect(TcpScript.Peer);
        byte[] syn = link.Sent[^1].Frame;
        byte[] answer = Frames.Tcp(
            Network.NeighbourAddress,
            Network.OwnAddress,
            TcpScript.PeerPort,
            Frames.WordAt(syn, 34),
            7,
            Frames.LongAt(syn, 38) + 1,
            0x12,
            65535,
            [2, 4, 5, 0xB4],
            []);
        byte[] packet = Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 6, answer);
        stack.OnFrame(Frames.Ethernet(Network.OwnHardware, Network.NeighbourHardware, 0x0800, packet));
        Assert.That(socket.Send(new byte[100_000], out _), Is.EqualTo(TcpStatus.Ok));

        (byte[] frame, FrameOffload offload) = link.Sent[^1];
        Assert.That(offload, Is.EqualTo(new FrameOffload(34, 16, 54, 1460)));
        Assert.That(frame, Has.Length.EqualTo(54 + 14_600));
        byte[] pseudo = Frames.WithPseudoHeader(Network.OwnAddress, Network.NeighbourAddress, [], 6)[..10];
        byte[] summed = [.. pseudo, .. Frames.Big((ushort)(frame.Length - 34))];
        Assert.That(Frames.WordAt(frame, 50), Is.EqualTo((ushort)~Frames.Checksum(summed)), "the pseudo-header alone");
        Assert.That(link.Sent[^2].Offload.SegmentSize, Is.Zero, "what fits is not cut");
    }

    private sealed class CuttingLink : EthernetLink
    {
        public List<(byte[] Frame, FrameOffload Offload)> Sent { get; } = [];

        public override MacAddress Address => Network.OwnHardware;

        public override int Mtu => 1500;

        public override bool IsUp => true;

        public override LinkOffloads Offloads => LinkOffloads.Checksum | LinkOffloads.TcpSegmentation;

        public override bool TrySend(ReadOnlySpan<byte> frame) => TrySend(frame, default);

        public override bool TrySend(ReadOnlySpan<byte> frame, in FrameOffload offload)
        {
            Sent.Add((frame.ToArray(), offload));
            return true;
        }
    }
}
