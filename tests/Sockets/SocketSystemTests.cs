using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;
using System.Threading.Tasks;
using NUnit.Framework;
using VirtioGuest.Net;
using static VirtioGuest.Sockets.Tests.SocketAssert;

namespace VirtioGuest.Sockets.Tests;

/// <summary>Descriptors, polling, and events for .NET's own thread.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class SocketSystemTests : IDisposable
{
    private const int Stream = 1;
    private const int Datagram = 2;

    private readonly Cable _cable = new();

    private SocketSystem System => _cable.Here.System;

    [TearDown]
    public void Dispose() => _cable.Dispose();

    [Test]
    public void Only_TCP_and_UDP_over_IPv4_can_be_opened()
    {
        const int Tcp = 6;
        const int Udp = 17;
        System.Open(SocketAddressBytes.InterNetworkV6, Stream, Tcp, out int none)
            .ShouldBe(SocketError.AddressFamilyNotSupported);
        Assert.That(none, Is.EqualTo(-1));
        System.Open(SocketAddressBytes.InterNetwork, Stream, Udp, out _).ShouldBe(SocketError.ProtocolNotSupported);
        System.Open(SocketAddressBytes.InterNetwork, 3, 0, out _).ShouldBe(SocketError.TypeNotSupported);
        System.Open(SocketAddressBytes.InterNetwork, Datagram, Udp, out int udp).ShouldBe(SocketError.None);
        Assert.That(System.Find(udp)!.IsStream, Is.False);
    }

    [Test]
    public void Descriptors_are_bounded_and_used_again()
    {
        List<int> all = [];
        SocketError error;
        while ((error = System.Open(SocketAddressBytes.InterNetwork, Stream, 0, out int one)) == SocketError.None)
        {
            all.Add(one);
        }

        error.ShouldBe(SocketError.TooManyDescriptors);
        Assert.That(all, Has.Count.EqualTo(SocketSystem.DescriptorLimit));
        Assert.That(all, Is.Unique.And.All.GreaterThanOrEqualTo(SocketSystem.FirstDescriptor));
        Assert.That(System.Close(all[7]), Is.True);
        Assert.That(System.Find(all[7]), Is.Null);
        Assert.That(System.Close(all[7]), Is.False);
        System.Open(SocketAddressBytes.InterNetwork, Datagram, 0, out int again).ShouldBe(SocketError.None);
        Assert.That(again, Is.EqualTo(all[7]));
        foreach (nint wrong in (nint[])[0, -1, SocketSystem.FirstDescriptor - 1, int.MaxValue, nint.MinValue])
        {
            Assert.That(System.Find(wrong), Is.Null, $"{wrong}");
            Assert.That(System.Close(wrong), Is.False, $"{wrong}");
        }
    }

    [Test]
    public void A_descriptor_that_two_threads_close_is_free_once()
    {
        for (int round = 0; round < 10; round++)
        {
            int[] opened = new int[2000];
            for (int i = 0; i < opened.Length; i++)
            {
                System.Open(SocketAddressBytes.InterNetwork, Stream, 0, out opened[i]).ShouldBe(SocketError.None);
            }

            int closed = 0;
            using var start = new Barrier(2);
            Task<bool>[] closers = [.. Enumerable.Range(0, 2).Select(_ => Begin(() =>
            {
                start.SignalAndWait();
                Array.ForEach(opened, one => Interlocked.Add(ref closed, System.Close(one) ? 1 : 0));
                return true;
            }))];
            Array.ForEach(closers, closer => closer.End());
            Assert.That(closed, Is.EqualTo(opened.Length));
        }
    }

    [Test]
    public void Polling_says_what_can_be_done_and_waits_for_it()
    {
        GuestSocket receiver = _cable.Here.OpenDatagram();
        receiver.Bind(Any(7)).ShouldBe(SocketError.None);
        System.Open(SocketAddressBytes.InterNetwork, Stream, 0, out int fresh).ShouldBe(SocketError.None);
        int descriptor = fresh - 1;
        PollEntry[] polls =
        [
            new() { Descriptor = descriptor, Wanted = PollEvents.In },
            new() { Descriptor = -1, Wanted = PollEvents.In },
        ];
        Assert.That(System.Poll(polls, TimeSpan.FromMilliseconds(30)), Is.Zero);
        Assert.That(System.Poll(polls, TimeSpan.Zero), Is.Zero);
        Task<int> waiting = Begin(() => System.Poll(polls, null));
        receiver.Send([1], Loopback(7), MessageFlags.None, out _).ShouldBe(SocketError.None);
        Assert.That(waiting.End(), Is.EqualTo(1));
        Assert.That(polls[0].Triggered, Is.EqualTo(PollEvents.In));

        polls =
        [
            new() { Descriptor = fresh, Wanted = PollEvents.None },
            new() { Descriptor = fresh + 1, Wanted = PollEvents.In },
            new() { Descriptor = descriptor, Wanted = PollEvents.Out },
        ];
        Assert.That(System.Poll(polls, null), Is.EqualTo(3));
        Assert.That(
            polls.Select(poll => poll.Triggered),
            Is.EqualTo(new[] { PollEvents.HangUp, PollEvents.Invalid, PollEvents.Out }));

        PollEntry[] last = [new() { Descriptor = descriptor, Wanted = PollEvents.Error }];
        waiting = Begin(() => System.Poll(last, null));
        System.Close(descriptor);
        Assert.That(waiting.End(), Is.EqualTo(1), "closing ends the wait");
    }

    [Test]
    public void Events_of_a_stream_come_edge_by_edge()
    {
        var port = new EventLog();
        GuestSocket listener = _cable.There.Listen(80);
        GuestSocket client = _cable.Here.OpenStream();
        client.IsBlocking = false;
        client.Connect(_cable.There.At(80)).ShouldBe(SocketError.InProgress);
        client.Register(port.Port, 1).ShouldBe(SocketError.None);
        port.Expect(1, SocketEvents.Write);
        listener.Register(port.Port, 2).ShouldBe(SocketError.None);
        port.Expect(2, SocketEvents.Read);
        listener.Accept(out GuestSocket? accepted).ShouldBe(SocketError.None);
        GuestSocket server = accepted!;

        server.SendAll(1);
        port.Expect(1, SocketEvents.Read);
        Assert.That(client.Next(), Is.EqualTo(new byte[] { 1 }));
        server.SendAll(2);
        port.Expect(1, SocketEvents.Read, "once more");

        Fill(client);
        port.Forget();
        for (int received = 0; received < 100_000;)
        {
            received += server.Next(100_000).Length;
        }

        port.Expect(1, SocketEvents.Write, "there is room again");
        server.Linger = TimeSpan.Zero;
        server.Close();
        port.Expect(1, SocketEvents.Read | SocketEvents.Write, "the connection is over");
    }

    [Test]
    public void The_end_of_a_stream_is_an_event()
    {
        var port = new EventLog();
        (GuestSocket client, GuestSocket server) = _cable.Connect();
        client.Register(port.Port, 1).ShouldBe(SocketError.None);
        port.Expect(1, SocketEvents.Write, "what can be done already");
        port.Forget();
        server.Shutdown(receive: false, send: true).ShouldBe(SocketError.None);
        port.Expect(1, SocketEvents.Read);
        Assert.That(client.Next(), Is.Empty);
    }

    [Test]
    public void A_socket_is_registered_once_and_is_silent_afterwards([Values] bool closes)
    {
        var port = new EventLog();
        GuestSocket socket = _cable.Here.OpenDatagram();
        socket.Bind(Any(7)).ShouldBe(SocketError.None);
        socket.Register(port.Port, 5).ShouldBe(SocketError.None);
        port.Expect(5, SocketEvents.Write);
        socket.Register(port.Port, 6).ShouldBe(SocketError.InvalidArgument);
        if (closes)
        {
            socket.Close();
        }
        else
        {
            socket.Unregister();
            socket.Send([1], Loopback(7), MessageFlags.None, out _).ShouldBe(SocketError.None);
            Assert.That(socket.Next(), Is.EqualTo(new byte[] { 1 }));
        }

        port.Forget();
        GuestSocket other = _cable.Here.OpenDatagram();
        other.Register(port.Port, 7).ShouldBe(SocketError.None);
        port.Expect(7, SocketEvents.Write);
        Assert.That(port.Has(5), Is.False);
        if (!closes)
        {
            socket.Register(port.Port, 8).ShouldBe(SocketError.None);
            port.Expect(8, SocketEvents.Write, "and may be registered again");
        }
    }

    [Test]
    public void An_event_of_a_socket_that_has_left_is_not_told()
    {
        var port = new SocketEventPort();
        GuestSocket gone = _cable.Here.OpenDatagram();
        gone.Register(port, 1).ShouldBe(SocketError.None);
        gone.Unregister();
        Assert.That(TakeAll(port), Is.Empty);
    }

    [Test]
    public void An_event_that_was_told_is_not_told_again_with_the_next()
    {
        var port = new SocketEventPort();
        var events = new SocketEvent[4];
        (GuestSocket client, GuestSocket server) = _cable.Connect();
        client.IsBlocking = false;
        client.Register(port, 1).ShouldBe(SocketError.None);
        Assert.That(port.Wait(events), Is.EqualTo(1));
        Assert.That(events[0], Is.EqualTo(new SocketEvent(1, SocketEvents.Write)));
        Fill(client);
        TakeAll(port);
        server.SendAll(1);
        Assert.That(port.Wait(events), Is.EqualTo(1));
        Assert.That(events[0], Is.EqualTo(new SocketEvent(1, SocketEvents.Read)));
    }

    [Test]
    public void A_port_that_is_closed_ends_the_wait()
    {
        var port = new SocketEventPort();
        Task<int> waiting = Begin(() => port.Wait(new SocketEvent[4]));
        port.Close();
        Assert.That(waiting.End(), Is.Zero);
        Assert.That(port.Wait(new SocketEvent[4]), Is.Zero);
    }

    [Test]
    public void Addresses_are_bytes_of_Linux()
    {
        byte[] bytes = new byte[20];
        var written = new IpEndpoint(new IPv4Address(1, 2, 3, 4), 0x5678);
        Assert.That(SocketAddressBytes.Write(written, bytes), Is.EqualTo(16));
        Assert.That(bytes, Is.EqualTo(new byte[] { 2, 0, 0x56, 0x78, 1, 2, 3, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }));
        Assert.That(SocketAddressBytes.TryRead(bytes, out IpEndpoint read), Is.True);
        Assert.That(read, Is.EqualTo(written));
        Assert.That(SocketAddressBytes.TryRead(bytes.AsSpan(0, 15), out _), Is.False);
        bytes[0] = 10;
        Assert.That(SocketAddressBytes.TryRead(bytes, out _), Is.False);
        byte[] small = new byte[5];
        Assert.That(SocketAddressBytes.Write(read, small), Is.EqualTo(16));
        Assert.That(small, Is.EqualTo(new byte[] { 2, 0, 0x56, 0x78, 1 }));
    }

    /// <summary>Sends until the peer's buffer is full as well.</summary>
    private static void Fill(GuestSocket socket)
    {
        for (int quiet = 0; quiet < 5; quiet++)
        {
            while (socket.Send(new byte[100_000], null, MessageFlags.None, out _) == SocketError.None)
            {
                quiet = 0;
            }

            Thread.Sleep(20);
        }
    }

    /// <summary>Takes all events that there are, of which the last is of a socket of its own.</summary>
    /// <returns>Whose events came before.</returns>
    private List<nint> TakeAll(SocketEventPort port)
    {
        const int Mark = 99;
        GuestSocket mark = _cable.Here.OpenDatagram();
        mark.Register(port, Mark).ShouldBe(SocketError.None);
        List<nint> before = [];
        var one = new SocketEvent[1];
        while (port.Wait(one) == 1 && one[0].Data != Mark)
        {
            before.Add(one[0].Data);
        }

        mark.Close();
        return before;
    }

    /// <summary>A port, and a thread that collects its events.</summary>
    private sealed class EventLog
    {
        private readonly List<SocketEvent> _events = [];

        public EventLog() => new Thread(Collect) { IsBackground = true }.Start();

        public SocketEventPort Port { get; } = new();

        public void Expect(nint data, SocketEvents events, string? what = null) => WaitUntil(
            () =>
            {
                lock (_events)
                {
                    int found = _events.FindIndex(item => item.Data == data && (item.Events & events) == events);
                    if (found >= 0)
                    {
                        _events.RemoveRange(0, found + 1);
                    }

                    return found >= 0;
                }
            },
            () => $"{events} of {data} {what}");

        public bool Has(nint data)
        {
            lock (_events)
            {
                return _events.Exists(item => item.Data == data);
            }
        }

        public void Forget()
        {
            Thread.Sleep(50);
            lock (_events)
            {
                _events.Clear();
            }
        }

        private void Collect()
        {
            var events = new SocketEvent[8];
            int count;
            while ((count = Port.Wait(events)) > 0)
            {
                lock (_events)
                {
                    _events.AddRange(events[..count]);
                }
            }
        }
    }
}
