using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Net;
using static VirtioGuest.Sockets.Tests.SocketAssert;

namespace VirtioGuest.Sockets.Tests;

/// <summary>Sockets of TCP, as the calls of POSIX and what .NET makes of them expect.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class StreamSocketTests : IDisposable
{
    private readonly Cable _cable = new();

    [TearDown]
    public void Dispose() => _cable.Dispose();

    [Test]
    public void A_port_belongs_to_one_socket_per_address()
    {
        GuestSocket first = _cable.Here.OpenStream();
        first.Bind(_cable.Here.At(80)).ShouldBe(SocketError.None);
        _cable.Here.OpenStream().Bind(_cable.Here.At(80)).ShouldBe(SocketError.AddressInUse);
        _cable.Here.OpenStream().Bind(Any(80)).ShouldBe(SocketError.AddressInUse);
        GuestSocket other = _cable.Here.OpenStream();
        other.Bind(Loopback(80)).ShouldBe(SocketError.None);
        other.Bind(Loopback(81)).ShouldBe(SocketError.InvalidArgument);

        first.Close();
        other.Close();
        _cable.Here.OpenStream().Bind(Any(80)).ShouldBe(SocketError.None);
        _cable.Here.OpenStream().Bind(_cable.There.At(80)).ShouldBe(SocketError.AddressNotAvailable);
    }

    [Test]
    public void A_port_that_cannot_be_had_on_every_link_is_held_on_none()
    {
        GuestSocket holder = _cable.Here.OpenStream();
        holder.Bind(_cable.Here.At(80)).ShouldBe(SocketError.None);
        _cable.Here.OpenStream().Bind(Any(80)).ShouldBe(SocketError.AddressInUse);

        // The loopback, which comes first, was let go of.
        _cable.Here.OpenStream().Bind(Loopback(80)).ShouldBe(SocketError.None);
    }

    [Test]
    public void Any_free_port_is_found_and_is_the_same_on_every_link()
    {
        GuestSocket listener = _cable.Here.OpenStream();
        listener.Listen(4).ShouldBe(SocketError.None);
        Assert.That(listener.Local.Port, Is.Not.Zero);
        Assert.That(listener.IsListening, Is.True);
        foreach (Machine from in (Machine[])[_cable.Here, _cable.There])
        {
            GuestSocket client = from.OpenStream();
            client.Connect(_cable.Here.At(listener.Local.Port)).ShouldBe(SocketError.None);
            listener.Accept(out GuestSocket? server).ShouldBe(SocketError.None);
            Assert.That(server!.Remote, Is.EqualTo(client.Local));
        }

        GuestSocket inside = _cable.Here.OpenStream();
        inside.Connect(Any(listener.Local.Port)).ShouldBe(SocketError.None);
        Assert.That(inside.Remote!.Value.IPv4, Is.EqualTo(IPv4Address.Loopback), "no address means this host");
    }

    [Test]
    public void Nobody_listening_refuses([Values] bool isBlocking, [Values] bool isLoopback)
    {
        GuestSocket client = _cable.Here.OpenStream();
        client.IsBlocking = isBlocking;
        SocketError error = client.Connect(isLoopback ? Loopback(9) : _cable.There.At(9));
        if (error == SocketError.InProgress)
        {
            Assert.That(isBlocking, Is.False);
            client.WaitFor(PollEvents.Error | PollEvents.HangUp);
            error = client.TakeError();
        }

        error.ShouldBe(SocketError.ConnectionRefused);
        client.TakeError().ShouldBe(SocketError.None);
        client.NextError().ShouldBe(SocketError.None);
        Assert.That(client.Readiness.HasFlag(PollEvents.HangUp), Is.True);
    }

    [Test]
    public void Connecting_has_its_order()
    {
        GuestSocket client = _cable.Here.OpenStream();
        client.IsBlocking = false;
        client.Connect(Any(0)).ShouldBe(SocketError.AddressNotAvailable);
        client.Connect(new IpEndpoint(new IPv4Address(192, 0, 2, 1), 80)).ShouldBe(SocketError.NetworkUnreachable);
        client.NextError().ShouldBe(SocketError.NotConnected);
        client.Send([1], null, MessageFlags.None, out _).ShouldBe(SocketError.Pipe);
        client.Shutdown(receive: true, send: true).ShouldBe(SocketError.NotConnected);

        _cable.IsCut = true;
        client.Connect(_cable.There.At(80)).ShouldBe(SocketError.InProgress);
        client.Connect(_cable.There.At(80)).ShouldBe(SocketError.AlreadyInProgress);
        client.Listen(1).ShouldBe(SocketError.InvalidArgument);
        Assert.That(client.Remote, Is.Null, "not yet");

        _cable.IsCut = false;
        GuestSocket listener = _cable.There.Listen(80);
        client.WaitFor(PollEvents.Out);
        client.Connect(_cable.There.At(80)).ShouldBe(SocketError.IsConnected);
        Assert.That(client.Remote, Is.EqualTo(_cable.There.At(80)));
        listener.Connect(_cable.There.At(81)).ShouldBe(SocketError.InvalidArgument);
    }

    [Test]
    public void A_socket_keeps_the_port_that_it_was_bound_to()
    {
        GuestSocket listener = _cable.There.Listen(80);
        GuestSocket client = _cable.Here.OpenStream();
        client.Bind(Any(1234)).ShouldBe(SocketError.None);
        client.Connect(_cable.There.At(80)).ShouldBe(SocketError.None);
        listener.Accept(out GuestSocket? server).ShouldBe(SocketError.None);
        Assert.That(server!.Remote, Is.EqualTo(_cable.Here.At(1234)));
    }

    [Test]
    public void A_reset_is_told_once_and_then_the_stream_is_over()
    {
        (GuestSocket client, GuestSocket server) = _cable.Connect();
        server.Linger = TimeSpan.Zero;
        server.Close();

        client.WaitFor(PollEvents.Error | PollEvents.HangUp | PollEvents.In | PollEvents.Out);
        client.NextError().ShouldBe(SocketError.ConnectionReset);
        client.NextError().ShouldBe(SocketError.None);
        client.TakeError().ShouldBe(SocketError.None);
        Assert.That(client.Readiness.HasFlag(PollEvents.Error), Is.False);
        client.Send([1], null, MessageFlags.None, out _).ShouldBe(SocketError.Pipe);
    }

    [Test]
    public void A_peer_that_closes_with_data_unread_resets()
    {
        (GuestSocket client, GuestSocket server) = _cable.Connect();
        client.SendAll(1, 2, 3);
        server.WaitFor(PollEvents.In);
        server.Close();
        client.NextError().ShouldBe(SocketError.ConnectionReset);
    }

    [Test]
    public void Each_way_closes_by_itself()
    {
        (GuestSocket client, GuestSocket server) = _cable.Connect();
        client.SendAll(1, 2);
        client.Shutdown(receive: false, send: true).ShouldBe(SocketError.None);
        client.Send([3], null, MessageFlags.None, out _).ShouldBe(SocketError.Pipe);
        Assert.That(server.Next(), Is.EqualTo(new byte[] { 1, 2 }));
        Assert.That(server.Next(), Is.Empty);
        Assert.That(server.Next(), Is.Empty, "and again");
        server.SendAll(4);
        Assert.That(client.Next(), Is.EqualTo(new byte[] { 4 }));
        Assert.That(client.Readiness.HasFlag(PollEvents.HangUp), Is.False, "half of it lives");

        server.Shutdown(receive: false, send: true).ShouldBe(SocketError.None);
        Assert.That(client.Next(), Is.Empty);
    }

    [Test]
    public void Receiving_can_be_shut_from_here()
    {
        (GuestSocket client, GuestSocket server) = _cable.Connect();
        Task<byte[]> waiting = Begin(() => client.Next());
        client.Shutdown(receive: true, send: false).ShouldBe(SocketError.None);
        Assert.That(waiting.End(), Is.Empty, "who waits is told of the end");
        Assert.That(client.Readiness & PollEvents.In, Is.EqualTo(PollEvents.In), "and who asks");
        client.SendAll(1);
        Assert.That(server.Next(), Is.EqualTo(new byte[] { 1 }), "sending goes on");
    }

    [Test]
    public void Waiting_ends_with_its_time()
    {
        (GuestSocket client, _) = _cable.Connect();
        client.ReceiveTimeout = TimeSpan.FromMilliseconds(30);
        client.NextError().ShouldBe(SocketError.WouldBlock);
        GuestSocket listener = _cable.Here.Listen(81);
        listener.ReceiveTimeout = TimeSpan.FromMilliseconds(30);
        listener.Accept(out _).ShouldBe(SocketError.WouldBlock);

        client.SendTimeout = TimeSpan.FromMilliseconds(30);
        SocketError error;
        int count;
        do
        {
            error = client.Send(new byte[100_000], null, MessageFlags.None, out count);
        }
        while (error == SocketError.None && count == 100_000);
        Assert.That(error, Is.EqualTo(count > 0 ? SocketError.None : SocketError.WouldBlock), "the peer does not read");
    }

    [Test]
    public void A_call_that_waits_takes_everything_and_one_that_does_not_takes_what_fits()
    {
        (GuestSocket client, GuestSocket server) = _cable.Connect();
        byte[] data = Bytes(1_000_000);
        Task<int> sending = Begin(() =>
        {
            client.Send(data, null, MessageFlags.None, out int count).ShouldBe(SocketError.None);
            return count;
        });
        List<byte> received = [];
        while (received.Count < data.Length)
        {
            received.AddRange(server.Next(30_000));
        }

        Assert.That(sending.End(), Is.EqualTo(data.Length));
        Assert.That(received, Is.EqualTo(data));

        client.IsBlocking = false;
        client.Send(data, null, MessageFlags.None, out int some).ShouldBe(SocketError.None);
        Assert.That(some, Is.InRange(1, data.Length - 1));
        server.IsBlocking = false;
        WaitUntil(() => server.Available > 0);
        Assert.That(server.Next(1_000_000), Is.Not.Empty);
    }

    [Test]
    public void What_is_looked_at_stays()
    {
        (GuestSocket client, GuestSocket server) = _cable.Connect();
        client.SendAll(1, 2, 3);
        WaitUntil(() => server.Available == 3);
        byte[] buffer = new byte[2];
        server.Receive(buffer, MessageFlags.Peek, out ReceivedMessage message).ShouldBe(SocketError.None);
        Assert.That((message.Count, buffer[0], buffer[1]), Is.EqualTo((2, (byte)1, (byte)2)));
        Assert.That(server.Next(), Is.EqualTo(new byte[] { 1, 2, 3 }));
        client.Send([1], null, MessageFlags.OutOfBand, out _).ShouldBe(SocketError.NotSupported);
        server.Receive(buffer, MessageFlags.OutOfBand, out _).ShouldBe(SocketError.InvalidArgument);
    }

    [Test]
    public void Whoever_waits_is_woken_when_the_connection_is_ended_from_here([Values] bool closes)
    {
        (GuestSocket client, _) = _cable.Connect();
        Task<SocketError> receiving = Begin(client.NextError);
        Task<SocketError> sending = Begin(() =>
        {
            SocketError error;
            do
            {
                error = client.Send(new byte[100_000], null, MessageFlags.None, out _);
            }
            while (error == SocketError.None);
            return error;
        });
        if (closes)
        {
            client.Close();
        }
        else
        {
            client.Disconnect().ShouldBe(SocketError.None);
        }

        Assert.That(receiving.End(), Is.EqualTo(closes ? SocketError.NotConnected : SocketError.ConnectionAborted));
        Assert.That(sending.End(), Is.EqualTo(closes ? SocketError.Pipe : SocketError.ConnectionAborted));
    }

    [Test]
    public void Whoever_accepts_is_woken_when_the_listener_ends([Values] bool closes)
    {
        GuestSocket listener = _cable.Here.Listen(80);
        Task<SocketError> accepting = Begin(() => listener.Accept(out _));
        if (closes)
        {
            listener.Close();
        }
        else
        {
            listener.Disconnect().ShouldBe(SocketError.None);
        }

        Assert.That(accepting.End(), Is.EqualTo(SocketError.InvalidArgument));
        listener.Close();
        _cable.Here.Listen(80);
    }

    [Test]
    public void A_listener_takes_connections_of_every_link_in_turns()
    {
        GuestSocket listener = _cable.Here.Listen(80);
        for (int i = 0; i < 3; i++)
        {
            _cable.Here.OpenStream().Connect(Loopback(80)).ShouldBe(SocketError.None);
            _cable.There.OpenStream().Connect(_cable.Here.At(80)).ShouldBe(SocketError.None);
        }

        List<IPv4Address> from = [];
        for (int i = 0; i < 6; i++)
        {
            WaitUntil(() => (listener.Readiness & PollEvents.In) != 0);
            listener.Accept(out GuestSocket? server).ShouldBe(SocketError.None);
            from.Add(server!.Remote!.Value.IPv4);
        }

        for (int i = 0; i < 6; i += 2)
        {
            Assert.That(from[i], Is.Not.EqualTo(from[i + 1]), $"{string.Join(", ", from)}");
        }

        listener.IsBlocking = false;
        listener.Accept(out _).ShouldBe(SocketError.WouldBlock);
        _cable.Here.OpenStream().Accept(out _).ShouldBe(SocketError.InvalidArgument);
    }

    [Test]
    public void A_listener_on_all_addresses_joins_a_link_that_comes_later_and_one_on_an_address_does_not()
    {
        GuestSocket all = _cable.Here.Listen(80);
        GuestSocket one = _cable.Here.OpenStream();
        one.Bind(_cable.Here.At(81)).ShouldBe(SocketError.None);
        one.Listen(4).ShouldBe(SocketError.None);
        var address = new IPv4Address(10, 10, 0, 1);
        NetworkStack added = _cable.AddLink(_cable.Here, address);

        _cable.Here.OpenStream().Connect(new IpEndpoint(address, 80)).ShouldBe(SocketError.None);
        all.Accept(out GuestSocket? server).ShouldBe(SocketError.None);
        Assert.That(server!.Local, Is.EqualTo(new IpEndpoint(address, 80)));
        _cable.Here.OpenStream().Connect(new IpEndpoint(address, 81)).ShouldBe(SocketError.ConnectionRefused);

        _cable.Here.System.Remove(added);
        _cable.Here.OpenStream().Connect(new IpEndpoint(address, 80)).ShouldBe(SocketError.NetworkUnreachable);
    }

    [Test]
    public void Options_are_kept_and_handed_on()
    {
        GuestSocket listener = _cable.There.OpenStream();
        (SocketOption Option, int Value, int Kept)[] options =
        [
            (SocketOption.NoDelay, 1, 1), (SocketOption.KeepAlive, 5, 1), (SocketOption.KeepAliveTime, 7, 7),
            (SocketOption.KeepAliveInterval, 8, 8), (SocketOption.KeepAliveRetries, 9, 9),
            (SocketOption.SendBuffer, 1, 4096), (SocketOption.ReceiveBuffer, int.MaxValue, 4 << 20),
            (SocketOption.ReuseAddress, 1, 0),
        ];
        foreach ((SocketOption option, int value, _) in options)
        {
            listener.SetOption(option, value).ShouldBe(SocketError.None);
        }

        listener.Bind(Any(80)).ShouldBe(SocketError.None);
        listener.Listen(4).ShouldBe(SocketError.None);
        _cable.Here.OpenStream().Connect(_cable.There.At(80)).ShouldBe(SocketError.None);
        listener.Accept(out GuestSocket? server).ShouldBe(SocketError.None);
        foreach (GuestSocket socket in (GuestSocket[])[listener, server!])
        {
            foreach ((SocketOption option, _, int kept) in options)
            {
                socket.GetOption(option, out int value).ShouldBe(SocketError.None);
                Assert.That(value, Is.EqualTo(kept), $"{option}");
            }
        }

        server!.SetOption(SocketOption.KeepAliveTime, 0).ShouldBe(SocketError.InvalidArgument);
        server.SetOption(SocketOption.KeepAliveTime, 32768).ShouldBe(SocketError.InvalidArgument);
        server.SetOption(SocketOption.KeepAliveRetries, 128).ShouldBe(SocketError.InvalidArgument);
        server.SetOption(SocketOption.Broadcast, 1).ShouldBe(SocketError.NoSuchOption);
        server.GetOption(SocketOption.Broadcast, out _).ShouldBe(SocketError.NoSuchOption);
        server.ChangeMembership(new IPv4Address(224, 1, 2, 3), IPv4Address.Any, true)
            .ShouldBe(SocketError.NotSupported);
    }
}

/// <summary>What takes minutes, in time that runs a thousand times as fast.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class StreamSocketTimeTests : IDisposable
{
    private readonly Cable _cable = new(speed: 1000);

    [TearDown]
    public void Dispose() => _cable.Dispose();

    [Test]
    public void A_peer_that_goes_silent_times_out([Values] bool isConnected)
    {
        GuestSocket client = _cable.Here.OpenStream();
        if (isConnected)
        {
            (client, _) = _cable.Connect();
            _cable.IsCut = true;
            client.SendAll(1);
            client.NextError().ShouldBe(SocketError.TimedOut);
            client.NextError().ShouldBe(SocketError.None);
            return;
        }

        // The neighbour is known, or there would be no way to it.
        _cable.Here.OpenStream().Connect(_cable.There.At(9)).ShouldBe(SocketError.ConnectionRefused);
        _cable.IsCut = true;
        SocketError error = client.Connect(_cable.There.At(80));
        Assert.That(error, Is.EqualTo(SocketError.TimedOut).Or.EqualTo(SocketError.HostUnreachable));
    }

    [Test]
    public void A_silent_peer_is_asked_and_given_up()
    {
        (GuestSocket client, _) = _cable.Connect();
        client.SetOption(SocketOption.KeepAliveTime, 5).ShouldBe(SocketError.None);
        client.SetOption(SocketOption.KeepAlive, 1).ShouldBe(SocketError.None);
        _cable.IsCut = true;
        client.NextError().ShouldBe(SocketError.TimedOut);
    }

    [Test]
    public void A_neighbour_that_does_not_answer_is_unreachable()
    {
        GuestSocket client = _cable.Here.OpenStream();
        client.Connect(new IpEndpoint(new IPv4Address(10, 9, 0, 99), 80)).ShouldBe(SocketError.HostUnreachable);
    }

    [Test]
    public void A_full_backlog_makes_clients_wait_until_there_is_room()
    {
        using var cable = new Cable(speed: 50);
        GuestSocket listener = cable.There.Listen(80, backlog: 2);
        var clients = new GuestSocket[4];
        for (int i = 0; i < clients.Length; i++)
        {
            clients[i] = cable.Here.OpenStream();
            clients[i].IsBlocking = i < 2;
            clients[i].Connect(cable.There.At(80)).ShouldBe(i < 2 ? SocketError.None : SocketError.InProgress);
            WaitUntil(() => i != 1 || cable.There.Stack.GetStatistics().TcpConnections == 2);
        }

        WaitUntil(() => cable.There.Stack.GetStatistics().Dropped(DropReason.TcpBacklogFull) >= 2);
        Assert.That(clients[3].Readiness.HasFlag(PollEvents.Out), Is.False);
        List<byte> numbers = [];
        for (byte i = 0; i < clients.Length; i++)
        {
            listener.Accept(out GuestSocket? server).ShouldBe(SocketError.None);
            server!.SendAll(i);
        }

        foreach (GuestSocket client in clients)
        {
            client.WaitFor(PollEvents.Out);
            client.IsBlocking = true;
            numbers.AddRange(client.Next());
        }

        Assert.That(numbers, Is.EquivalentTo(new byte[] { 0, 1, 2, 3 }));
    }

    [Test]
    public void A_closed_socket_goes_on_delivering()
    {
        (GuestSocket client, GuestSocket server) = _cable.Connect();
        byte[] data = Bytes(100_000);
        client.SendAll(data);
        client.Close();
        client.NextError().ShouldBe(SocketError.NotConnected);
        List<byte> received = [];
        for (byte[] part = server.Next(5000); part.Length > 0; part = server.Next(5000))
        {
            received.AddRange(part);
        }

        Assert.That(received, Is.EqualTo(data));
    }
}
