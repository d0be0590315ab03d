using System;
using NUnit.Framework;
using VirtioGuest.Net.Tcp;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests.Tcp;

/// <summary>How connections end (RFC 9293, 3.6), and when a silent peer is given up.</summary>
public sealed class TcpCloseTests
{
    [Test]
    public void Our_side_closes_first()
    {
        TcpScript script = TcpScript.Open();
        script.Socket.ShutdownSend();
        script.Out("F. 1:1 ack 1");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.FinWait1));
        Assert.That(script.Socket.Send([1], out _), Is.EqualTo(TcpStatus.Closed));

        script.In(". 1:1 ack 2");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.FinWait2));
        script.In("P. 1:11 ack 2");
        script.Read(10);
        script.In("F. 11:11 ack 2");
        script.Out(". 2:2 ack 12");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.TimeWait));
        Assert.That(script.ReadEnd(), Is.EqualTo(TcpStatus.Ok));

        script.Wait(59_000);
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.EqualTo(1));
        script.Wait(1000);
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.Zero);
        script.Quiet();
    }

    [Test]
    public void The_peer_closes_first()
    {
        TcpScript script = TcpScript.Open();
        script.In("FP. 1:11 ack 1");
        script.Out(". 1:1 ack 12");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.CloseWait));
        script.Read(10);
        Assert.That(script.ReadEnd(), Is.EqualTo(TcpStatus.Ok));
        script.Write(5);
        script.Out("P. 1:6 ack 12");

        script.Socket.ShutdownSend();
        script.Out("F. 6:6 ack 12");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.LastAck));
        script.In(". 12:12 ack 7");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.Closed));
        Assert.That(script.Socket.Error, Is.EqualTo(TcpStatus.Ok));
    }

    [Test]
    public void Both_sides_close_at_the_same_time()
    {
        TcpScript script = TcpScript.Open();
        script.Socket.ShutdownSend();
        script.Out("F. 1:1 ack 1");

        script.In("F. 1:1 ack 1");
        script.Out(". 2:2 ack 2");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.Closing));
        script.In(". 2:2 ack 2");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.TimeWait));
    }

    [Test]
    public void A_FIN_and_its_acknowledgment_in_one()
    {
        TcpScript script = TcpScript.Open();
        script.Socket.ShutdownSend();
        script.Out("F. 1:1 ack 1");

        script.In("F. 1:1 ack 2");

        script.Out(". 2:2 ack 2");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.TimeWait));
    }

    [Test]
    public void A_FIN_that_comes_early_waits_for_what_is_before_it()
    {
        TcpScript script = TcpScript.Open();
        script.In("F. 11:21 ack 1");
        script.Out(". 1:1 ack 1");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.Established));

        script.In(". 1:11 ack 1");
        script.Out(". 1:1 ack 22");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.CloseWait));
        script.Read(20);
        Assert.That(script.ReadEnd(), Is.EqualTo(TcpStatus.Ok));
    }

    [Test]
    public void A_FIN_follows_all_data_and_is_sent_again()
    {
        TcpScript script = TcpScript.Open();
        script.Write(2000);
        script.Out(". 1:1461");
        script.Quiet();
        script.Socket.ShutdownSend();
        script.Out("FP. 1461:2001");

        script.In(". 1:1 ack 1461");
        script.Wait(200);
        script.Out("FP. 1461:2001");
        script.In(". 1:1 ack 2002");
        Assert.That(script.Socket.State, Is.EqualTo(TcpState.FinWait2));
    }

    [Test]
    public void A_FIN_that_is_repeated_in_TIME_WAIT_is_answered_and_the_wait_begins_anew()
    {
        TcpScript script = InTimeWait();
        script.Wait(50_000);

        script.In("F. 1:1 ack 2");
        script.Out(". 2:2 ack 2");
        script.In("R 2:2");
        script.In("R. 2:2 ack 2");
        script.Wait(59_000);
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.EqualTo(1));
        script.Wait(1_001);
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.Zero);
    }

    [TestCase("S 500:500", true, TestName = "A newer number")]
    [TestCase("S 1:1", false, TestName = "An older number")]
    public void A_SYN_in_TIME_WAIT_opens_a_new_connection_only_if_it_is_newer(string segment, bool isNew)
    {
        TcpScript script = InTimeWait();

        script.In(segment);
        byte[] answer = script.Next()!;

        Assert.That(answer[13], Is.EqualTo(isNew ? 0x12 : 0x10));
    }

    [Test]
    public void TIME_WAITs_are_bounded_and_make_room_for_connections()
    {
        TcpScript script = TcpScript.Listening(backlog: 512);
        var stack = script.Network.Stack;
        script.Network.Link.IsAudited = false;
        for (int i = 0; i < TcpTable.TimeWaitLimit + 100; i++)
        {
            CloseOverLoopback(script);
        }

        Assert.That(stack.GetStatistics().TcpConnections, Is.EqualTo(TcpTable.TimeWaitLimit));
    }

    [Test]
    public void A_closed_socket_goes_on_delivering()
    {
        TcpScript script = TcpScript.Open();
        script.Write(2000);
        script.Socket.Dispose();
        script.Out(". 1:1461");
        script.Out("FP. 1461:2001");

        script.In(". 1:1 ack 2002");
        script.Wait(60_001);
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.Zero, "the peer never closes");
        Assert.That(script.Socket.Send([1], out _), Is.EqualTo(TcpStatus.Closed));
    }

    [Test]
    public void Data_for_a_closed_socket_is_answered_with_a_reset()
    {
        TcpScript script = TcpScript.Open();
        script.Socket.Dispose();
        script.Out("F. 1:1 ack 1");

        script.In("P. 1:11 ack 2");

        script.Out("R. 2:2 ack 1");
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.Zero);
    }

    [Test]
    public void Closing_with_data_that_nobody_has_read_resets()
    {
        TcpScript script = TcpScript.Open();
        script.In("P. 1:11 ack 1");

        script.Socket.Dispose();

        script.Out("R. 1:1 ack 11");
    }

    [Test]
    public void A_socket_that_lingers_for_no_time_resets_and_one_that_lingers_for_some_does_so_later()
    {
        TcpScript none = TcpScript.Open(settings: TcpSettings.Default with { Linger = TimeSpan.Zero });
        none.Socket.Dispose();
        none.Out("R. 1:1 ack 1");

        TcpScript some = TcpScript.Open(settings: TcpSettings.Default with { Linger = TimeSpan.FromSeconds(3) });
        some.Write(10);
        some.Socket.Dispose();
        some.Wait(2900);
        Assert.That(some.Network.Stack.GetStatistics().TcpConnections, Is.EqualTo(1));
        some.Skip();
        some.Wait(100);
        some.Out("R. 12:12 ack 1");
    }

    [TestCase(TcpState.SynReceived, TcpStatus.Refused)]
    [TestCase(TcpState.Established, TcpStatus.Reset)]
    [TestCase(TcpState.FinWait1, TcpStatus.Reset)]
    [TestCase(TcpState.FinWait2, TcpStatus.Reset)]
    [TestCase(TcpState.CloseWait, TcpStatus.Reset)]
    [TestCase(TcpState.Closing, TcpStatus.Ok)]
    [TestCase(TcpState.LastAck, TcpStatus.Ok)]
    public void A_RST_in_each_state(TcpState state, TcpStatus expected)
    {
        TcpScript script = InState(state);
        Assert.That(script.Socket.State, Is.EqualTo(state));
        int next = state is TcpState.CloseWait or TcpState.Closing or TcpState.LastAck ? 2 : 1;

        script.In($"R {next}:{next}");

        Assert.That(script.Socket.State, Is.EqualTo(TcpState.Closed));
        Assert.That(script.Socket.Error, Is.EqualTo(expected));
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.Zero);
    }

    [TestCase(TcpState.SynReceived, true)]
    [TestCase(TcpState.Established, true)]
    [TestCase(TcpState.FinWait1, true)]
    [TestCase(TcpState.FinWait2, true)]
    [TestCase(TcpState.CloseWait, true)]
    [TestCase(TcpState.Closing, true)]
    [TestCase(TcpState.LastAck, true)]
    [TestCase(TcpState.TimeWait, false)]
    [TestCase(TcpState.SynSent, false)]
    public void An_abort_in_each_state(TcpState state, bool isTold)
    {
        TcpScript script = InState(state);
        script.Skip();

        script.Socket.Abort();

        Assert.That(script.Skip(), Is.EqualTo(isTold ? 1 : 0));
        int left = state == TcpState.TimeWait ? 1 : 0;
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.EqualTo(left));
    }

    [Test]
    public void A_silent_peer_is_asked_and_given_up()
    {
        TcpScript script = TcpScript.Open(settings: WithKeepAlive());
        script.Wait(9_999);
        script.Quiet();
        script.Wait(1);
        script.Out(". 0:0 ack 1");
        script.In(". 1:1 ack 1");

        script.Wait(10_000);
        script.Out(". 0:0");
        script.Wait(2000);
        script.Out(". 0:0");
        script.Wait(2000);
        script.Out("R. 1:1");
        Assert.That(script.Socket.Error, Is.EqualTo(TcpStatus.TimedOut));
    }

    [Test]
    public void Keep_alive_can_be_turned_on_and_off()
    {
        TcpScript script = TcpScript.Open();
        script.Wait(8_000_000);
        script.Quiet();
        script.Socket.Settings = WithKeepAlive();
        script.Wait(10_000);
        script.Out(". 0:0");
        script.Socket.Settings = TcpSettings.Default;
        script.Wait(100_000);
        script.Quiet();
    }

    [Test]
    public void Another_address_ends_all_connections()
    {
        TcpScript script = TcpScript.Open();

        script.Network.Stack.TrySetStatic(new IPv4Address(10, 0, 2, 99), 24, Router.Address);

        Assert.That(script.Socket.Error, Is.EqualTo(TcpStatus.Unreachable));
        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.Zero);
    }

    private static TcpSettings WithKeepAlive() => TcpSettings.Default with
    {
        KeepAlive = true,
        KeepAliveTime = TimeSpan.FromSeconds(10),
        KeepAliveInterval = TimeSpan.FromSeconds(2),
        KeepAliveRetries = 2,
    };

    private static TcpScript InTimeWait() => InState(TcpState.TimeWait);

    /// <summary>A connection in a state, whatever was sent to get there already looked at.</summary>
    private static TcpScript InState(TcpState state)
    {
        if (state is TcpState.SynSent or TcpState.SynReceived)
        {
            TcpScript opening = TcpScript.Connecting();
            opening.Skip();
            if (state == TcpState.SynReceived)
            {
                opening.In("S 0:0");
                opening.Skip();
            }

            return opening;
        }

        TcpScript script = TcpScript.Open();
        if (state is TcpState.CloseWait or TcpState.LastAck)
        {
            script.In("F. 1:1 ack 1");
        }

        if (state is not (TcpState.Established or TcpState.CloseWait))
        {
            script.Socket.ShutdownSend();
        }

        if (state is TcpState.FinWait2)
        {
            script.In(". 1:1 ack 2");
        }
        else if (state is TcpState.Closing)
        {
            script.In("F. 1:1 ack 1");
        }
        else if (state is TcpState.TimeWait)
        {
            script.In("F. 1:1 ack 2");
        }

        script.Skip();
        return script;
    }

    private static void CloseOverLoopback(TcpScript script)
    {
        using TcpSocket client = script.Network.Stack.OpenTcp();
        Assert.That(
            client.Connect(new IpEndpoint(Network.OwnAddress, TcpScript.Port)), Is.EqualTo(TcpStatus.Ok));
        using TcpSocket server = script.Accept();
        client.ShutdownSend();
        server.ShutdownSend();
        Assert.That(client.State, Is.EqualTo(TcpState.TimeWait));
    }
}
