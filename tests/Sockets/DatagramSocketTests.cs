using System;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Net;
using VirtioGuest.Net.Tests.Simulation;
using static VirtioGuest.Sockets.Tests.SocketAssert;

namespace VirtioGuest.Sockets.Tests;

/// <summary>Sockets of UDP.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class DatagramSocketTests : IDisposable
{
    private static readonly IPv4Address s_group = new(224, 1, 2, 3);

    private readonly Cable _cable = new();
    private readonly byte[] _buffer = new byte[70_000];

    [TearDown]
    public void Dispose() => _cable.Dispose();

    [Test]
    public void Datagrams_go_to_whom_they_are_sent_and_say_where_they_come_from()
    {
        GuestSocket here = Bound(_cable.Here, 7);
        GuestSocket there = Bound(_cable.There, 8);
        Send(here, _cable.There.At(8), 1, 2, 3);
        there.Receive(_buffer, MessageFlags.None, out ReceivedMessage message).ShouldBe(SocketError.None);
        Assert.That(message, Is.EqualTo(new ReceivedMessage(3, _cable.Here.At(7), _cable.There.Address, 2, false)));
        Send(there, message.Source, 4);
        Assert.That(here.Next(), Is.EqualTo(new byte[] { 4 }));
        Send(here, _cable.There.At(8));
        Assert.That(there.Next(), Is.Empty, "one of no bytes");

        Send(here, Loopback(7), 5);
        here.Receive(_buffer, MessageFlags.None, out message).ShouldBe(SocketError.None);
        Assert.That((message.Source, message.Link), Is.EqualTo((Loopback(7), 1)), "to ourselves");
    }

    [Test]
    public void A_port_belongs_to_one_socket()
    {
        GuestSocket first = Bound(_cable.Here, 7);
        _cable.Here.OpenDatagram().Bind(Any(7)).ShouldBe(SocketError.AddressInUse);
        _cable.Here.OpenDatagram().Bind(_cable.There.At(8)).ShouldBe(SocketError.AddressNotAvailable);
        first.Bind(Any(8)).ShouldBe(SocketError.InvalidArgument);
        _cable.Here.OpenStream().Bind(Any(7)).ShouldBe(SocketError.None);
        first.Close();
        Bound(_cable.Here, 7);
        GuestSocket any = Bound(_cable.Here, 0);
        Assert.That(any.Local.Port, Is.Not.Zero);
    }

    [Test]
    public void A_socket_with_a_peer_hears_nobody_else()
    {
        GuestSocket server = Bound(_cable.There, 8);
        GuestSocket stranger = Bound(_cable.There, 9);
        GuestSocket client = _cable.Here.OpenDatagram();
        client.Connect(_cable.There.At(8)).ShouldBe(SocketError.None);
        Assert.That(client.Remote, Is.EqualTo(_cable.There.At(8)));
        Assert.That(client.Local.IPv4, Is.EqualTo(_cable.Here.Address));
        client.SendAll(1);
        Assert.That(server.Next(), Is.EqualTo(new byte[] { 1 }));

        Send(stranger, client.Local, 66);
        Send(server, client.Local, 2);
        Assert.That(client.Next(), Is.EqualTo(new byte[] { 2 }));
        Send(client, _cable.There.At(9), 3);
        Assert.That(stranger.Next(), Is.EqualTo(new byte[] { 3 }), "another may be named");

        client.Connect(_cable.There.At(9)).ShouldBe(SocketError.None);
        Send(stranger, client.Local, 4);
        Assert.That(client.Next(), Is.EqualTo(new byte[] { 4 }), "and the peer may change");
    }

    [Test]
    public void A_peer_that_does_not_listen_refuses_once()
    {
        GuestSocket client = _cable.Here.OpenDatagram();
        client.Connect(_cable.There.At(99)).ShouldBe(SocketError.None);
        client.SendAll(1);
        client.NextError().ShouldBe(SocketError.ConnectionRefused);
        client.ReceiveTimeout = TimeSpan.FromMilliseconds(20);
        client.NextError().ShouldBe(SocketError.WouldBlock);

        client.SendAll(1);
        WaitUntil(() => client.Send([1], null, MessageFlags.None, out _) == SocketError.ConnectionRefused);

        GuestSocket other = _cable.Here.OpenDatagram();
        Send(other, _cable.There.At(99), 1);
        Thread.Sleep(50);
        other.ReceiveTimeout = TimeSpan.FromMilliseconds(20);
        other.NextError().ShouldBe(SocketError.WouldBlock);
        other.TakeError().ShouldBe(SocketError.None);

        Bound(_cable.There, 9);
        other.Connect(_cable.There.At(9)).ShouldBe(SocketError.None);
        Send(other, _cable.There.At(99), 1);
        Thread.Sleep(50);
        other.NextError().ShouldBe(SocketError.WouldBlock);
    }

    [Test]
    public void A_datagram_that_does_not_fit_is_cut_and_says_so_and_one_that_is_looked_at_stays()
    {
        GuestSocket there = Bound(_cable.There, 8);
        GuestSocket here = _cable.Here.OpenDatagram();
        Send(here, _cable.There.At(8), 1, 2, 3);
        Send(here, _cable.There.At(8), 4);
        there.Receive(_buffer.AsSpan(0, 2), MessageFlags.Peek, out ReceivedMessage message).ShouldBe(SocketError.None);
        Assert.That((message.Count, message.IsTruncated, there.Available), Is.EqualTo((2, true, 3)));
        there.Receive(_buffer.AsSpan(0, 2), MessageFlags.None, out message).ShouldBe(SocketError.None);
        Assert.That((message.Count, message.IsTruncated), Is.EqualTo((2, true)));
        Assert.That(there.Next(), Is.EqualTo(new byte[] { 4 }), "the rest is gone");
        there.Receive(_buffer, MessageFlags.OutOfBand, out _).ShouldBe(SocketError.InvalidArgument);
    }

    [Test]
    public void The_largest_datagram_passes_and_a_larger_one_is_refused()
    {
        GuestSocket there = Bound(_cable.There, 8);
        GuestSocket here = _cable.Here.OpenDatagram();
        byte[] data = Bytes(65507);
        Send(here, _cable.There.At(8), data);
        Assert.That(there.Next(70_000), Is.EqualTo(data));
        here.Send(new byte[65508], _cable.There.At(8), MessageFlags.None, out _).ShouldBe(SocketError.MessageTooLong);
        here.Send([1], null, MessageFlags.None, out _).ShouldBe(SocketError.DestinationRequired);
        here.Send([1], _cable.There.At(0), MessageFlags.None, out _).ShouldBe(SocketError.InvalidArgument);
        here.Send([1], new IpEndpoint(new IPv4Address(192, 0, 2, 1), 8), MessageFlags.None, out _)
            .ShouldBe(SocketError.NetworkUnreachable);
    }

    [TestCase("10.9.0.255")]
    [TestCase("255.255.255.255")]
    public void Broadcasting_has_to_be_allowed(string address)
    {
        GuestSocket there = Bound(_cable.There, 8);
        GuestSocket here = _cable.Here.OpenDatagram();
        var everybody = new IpEndpoint(IPv4Address.Parse(address), 8);
        here.Send([1], everybody, MessageFlags.None, out _).ShouldBe(SocketError.AccessDenied);
        here.Connect(everybody).ShouldBe(SocketError.AccessDenied);
        here.SetOption(SocketOption.Broadcast, 1).ShouldBe(SocketError.None);
        Send(here, everybody, 1);
        Assert.That(there.Next(), Is.EqualTo(new byte[] { 1 }));
        here.GetOption(SocketOption.Broadcast, out int value).ShouldBe(SocketError.None);
        Assert.That(value, Is.EqualTo(1));
        here.SetOption(SocketOption.NoDelay, 1).ShouldBe(SocketError.NoSuchOption);
        here.SetOption(SocketOption.ReceiveBuffer, 1).ShouldBe(SocketError.None);
    }

    // Nothing is sent to groups: the datagrams come from elsewhere.
    [Test]
    public void A_group_is_heard_by_its_members()
    {
        GuestSocket there = Bound(_cable.There, 8);
        there.ReceiveTimeout = TimeSpan.FromMilliseconds(50);
        FromGroup(1);
        there.NextError().ShouldBe(SocketError.WouldBlock);

        there.ChangeMembership(s_group, IPv4Address.Any, isMember: true).ShouldBe(SocketError.None);
        FromGroup(2);
        there.Receive(_buffer, MessageFlags.None, out ReceivedMessage message).ShouldBe(SocketError.None);
        Assert.That((_buffer[0], message.Destination, message.Link), Is.EqualTo(((byte)2, s_group, 2)));

        there.ChangeMembership(s_group, _cable.There.Address, isMember: true).ShouldBe(SocketError.AddressInUse);
        there.ChangeMembership(_cable.Here.Address, _cable.There.Address, isMember: true)
            .ShouldBe(SocketError.InvalidArgument);
        there.ChangeMembership(s_group, _cable.Here.Address, isMember: true)
            .ShouldBe(SocketError.AddressNotAvailable);
        there.ChangeMembership(s_group, _cable.There.Address, isMember: false).ShouldBe(SocketError.None);
        there.ChangeMembership(s_group, _cable.There.Address, isMember: false)
            .ShouldBe(SocketError.AddressNotAvailable);
        FromGroup(3);
        there.NextError().ShouldBe(SocketError.WouldBlock);
    }

    [Test]
    public void Memberships_are_bounded_and_end_with_the_socket()
    {
        const int Most = 32;
        for (int round = 0; round < 2; round++)
        {
            GuestSocket socket = Bound(_cable.There, 8);
            for (byte i = 0; i < Most; i++)
            {
                socket.ChangeMembership(new IPv4Address(224, 1, 1, i), _cable.There.Address, isMember: true)
                    .ShouldBe(SocketError.None);
            }

            socket.ChangeMembership(s_group, _cable.There.Address, isMember: true).ShouldBe(SocketError.NoBuffers);
            socket.Close();
        }
    }

    [Test]
    public void Whoever_waits_is_woken_when_the_socket_ends([Values] bool closes)
    {
        GuestSocket socket = Bound(_cable.Here, 7);
        Task<SocketError> waiting = Begin(socket.NextError);
        if (closes)
        {
            socket.Close();
            waiting.End().ShouldBe(SocketError.BadDescriptor);
            socket.NextError().ShouldBe(SocketError.BadDescriptor);
            return;
        }

        socket.Disconnect().ShouldBe(SocketError.None);
        waiting.End().ShouldBe(SocketError.None);
    }

    [Test]
    public void Either_way_can_be_shut()
    {
        GuestSocket there = Bound(_cable.There, 8);
        GuestSocket here = _cable.Here.OpenDatagram();
        here.Shutdown(receive: true, send: true).ShouldBe(SocketError.NotConnected);
        GuestSocket client = _cable.Here.OpenDatagram();
        client.Connect(_cable.There.At(8)).ShouldBe(SocketError.None);
        client.Shutdown(receive: false, send: true).ShouldBe(SocketError.None);
        client.Send([1], null, MessageFlags.None, out _).ShouldBe(SocketError.Pipe);
        Send(there, client.Local, 2);
        Assert.That(client.Next(), Is.EqualTo(new byte[] { 2 }));
        client.Shutdown(receive: true, send: false).ShouldBe(SocketError.None);
        Assert.That(client.Next(), Is.Empty);
        Assert.That(client.Readiness.HasFlag(PollEvents.In), Is.True);
    }

    [Test]
    public void A_socket_on_all_addresses_joins_a_link_that_comes_later()
    {
        GuestSocket socket = Bound(_cable.Here, 7);
        var address = new IPv4Address(10, 10, 0, 1);
        _cable.AddLink(_cable.Here, address);
        Send(_cable.Here.OpenDatagram(), new IpEndpoint(address, 7), 1);
        socket.Receive(_buffer, MessageFlags.None, out ReceivedMessage message).ShouldBe(SocketError.None);
        Assert.That((message.Destination, message.Link), Is.EqualTo((address, 3)));
    }

    [Test]
    public void A_flood_is_bounded_and_tells_nobody()
    {
        GuestSocket there = Bound(_cable.There, 8);
        GuestSocket here = _cable.Here.OpenDatagram();
        for (int i = 0; i < 5000; i++)
        {
            Send(here, _cable.There.At(8), 1, 2, 3, 4);
        }

        Thread.Sleep(200);
        there.IsBlocking = false;
        int count = 0;
        while (there.Receive(_buffer, MessageFlags.None, out _) == SocketError.None)
        {
            count++;
        }

        Assert.That(count, Is.InRange(1, 4999));
        there.NextError().ShouldBe(SocketError.WouldBlock);
    }

    private void FromGroup(byte data)
    {
        byte[] datagram = Frames.Udp(_cable.Here.Address, s_group, 9, 8, [data]);
        _cable.There.Stack.OnFrame(Frames.Ethernet(
            MacAddress.Parse("01:00:5e:01:02:03"),
            MacAddress.Parse("52:54:00:00:00:01"),
            0x0800,
            Frames.IPv4(_cable.Here.Address, s_group, 17, datagram)));
    }

    private static GuestSocket Bound(Machine machine, ushort port)
    {
        GuestSocket socket = machine.OpenDatagram();
        socket.Bind(Any(port)).ShouldBe(SocketError.None);
        return socket;
    }

    private static void Send(GuestSocket socket, IpEndpoint destination, params byte[] data)
    {
        socket.Send(data, destination, MessageFlags.None, out int count).ShouldBe(SocketError.None);
        Assert.That(count, Is.EqualTo(data.Length));
    }
}
