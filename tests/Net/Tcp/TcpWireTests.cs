using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Net.Tcp;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Net.Tests.Tcp;

/// <summary>Two stacks over wires of any kind, and whatever else may come over one.</summary>
public sealed class TcpWireTests
{
    private static readonly TimeSpan s_longEnough = TimeSpan.FromHours(1);

    [Test]
    public void A_fine_wire_delivers_both_ways_without_repetition()
    {
        (TcpPair pair, TcpProgram client, TcpProgram server) = Exchange(Weather.Fine, 1_000_000, 300_000);

        Assert.That((client.IsDone, server.IsDone), Is.EqualTo((true, true)));
        Assert.That(pair.Client.GetStatistics().TcpSegmentsRepeated, Is.Zero);
        Assert.That(pair.Server.GetStatistics().TcpSegmentsRepeated, Is.Zero);
        Assert.That(pair.Clock.Now, Is.LessThan(TimeSpan.FromSeconds(105)), "it began at 100");
    }

    [Test]
    public void Any_wire_delivers_the_stream_exactly_or_reports_an_error_in_time()
    {
        Gen<Weather> weather =
            from seed in Gen.Choose(0, int.MaxValue - 10)
            from lost in Gen.Choose(0, 250)
            from repeated in Gen.Choose(0, 200)
            from delayed in Gen.Choose(0, 500)
            from corrupted in Gen.Choose(0, 50)
            select new Weather(seed, lost, repeated, delayed, corrupted);
        int failures = 0;
        int runs = 0;
        Prop.ForAll(weather.ToArbitrary(), kind =>
        {
            runs++;
            (TcpPair _, TcpProgram client, TcpProgram server) = Exchange(kind, 60_000, 90_000);
            bool isOver = (client.IsDone && server.IsDone)
                || client.Failure != TcpStatus.Ok
                || server.Failure != TcpStatus.Ok;
            failures += client.IsDone && server.IsDone ? 0 : 1;
            Assert.That(isOver, Is.True, $"{kind}: client {client}; server {server}");
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(60));
        Assert.That(failures, Is.LessThan(runs / 10), "almost all of them get through");
    }

    [TestCase(42948153, 192, 83, 270, 87)]
    public void These_wires_deliver(int seed, int lost, int repeated, int delayed, int corrupted)
    {
        var weather = new Weather(seed, lost, repeated, delayed, corrupted);

        (TcpPair _, TcpProgram client, TcpProgram server) = Exchange(weather, 60_000, 90_000);

        Assert.That((client.IsDone, server.IsDone), Is.EqualTo((true, true)), $"client {client}; server {server}");
    }

    [Test]
    public void Losing_a_few_in_a_hundred_costs_little_time()
    {
        var weather = new Weather(7, Lost: 20, Repeated: 0, Delayed: 0, Corrupted: 0);

        (TcpPair pair, TcpProgram client, TcpProgram server) = Exchange(weather, 1_000_000, 0);

        Assert.That((client.IsDone, server.IsDone), Is.EqualTo((true, true)));
        NetworkStatistics statistics = pair.Client.GetStatistics();
        Assert.That(statistics.TcpSegmentsRepeated, Is.LessThan(statistics.TcpSegmentsSent / 15));
    }

    [Test]
    public void A_stack_talks_to_itself()
    {
        var network = new Network();
        foreach (IPv4Address address in new[] { new IPv4Address(127, 0, 0, 1), Network.OwnAddress })
        {
            network.Stack.TrySetStatic(Network.OwnAddress, 24, IPv4Address.Any);
            TcpSocket listener = network.Stack.OpenTcp();
            listener.Bind(new IpEndpoint(address, 80));
            listener.Listen(1);
            TcpSocket socket = network.Stack.OpenTcp();
            Assert.That(socket.Connect(new IpEndpoint(address, 80)), Is.EqualTo(TcpStatus.Ok));
            Assert.That(listener.TryAccept(out TcpSocket? accepted), Is.EqualTo(TcpStatus.Ok));
            byte[] sent = TcpScript.Pattern(0, 500_000);
            var client = new TcpProgram(socket, sent, 1);
            var server = new TcpProgram(accepted!, sent, 2);
            for (int i = 0; i < 10_000 && !(client.IsDone && server.IsDone); i++)
            {
                client.Run();
                server.Run();
                network.Clock.Advance(network.Stack.RunTimers() < TimeSpan.FromSeconds(1)
                    ? network.Stack.RunTimers()
                    : TimeSpan.FromSeconds(1));
            }

            Assert.That(server.Received, Is.EqualTo(sent));
            Assert.That(client.Received, Is.EqualTo(sent));
            listener.Dispose();
        }

        Assert.That(network.SentIPv4(), Is.Empty, "nothing of it is on the wire");
    }

    [Test]
    public void Sending_and_receiving_allocate_nothing()
    {
        Network network = Network.WithAddress();
        network.Link.IsAudited = false;
        TcpSocket listener = network.Stack.OpenTcp();
        listener.Bind(new IpEndpoint(Network.OwnAddress, 80));
        listener.Listen(1);
        TcpSocket client = network.Stack.OpenTcp();
        client.Connect(new IpEndpoint(Network.OwnAddress, 80));
        listener.TryAccept(out TcpSocket? server);
        byte[] data = new byte[20_000];
        byte[] buffer = new byte[30_000];
        int received = 0;
        Work(50);

        received = 0;
        long before = GC.GetAllocatedBytesForCurrentThread();
        Work(200);
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.Zero);
        Assert.That(received, Is.EqualTo(200 * data.Length));

        void Work(int rounds)
        {
            for (int i = 0; i < rounds; i++)
            {
                client.Send(data, out int sent);
                for (int got = 0; got < sent;)
                {
                    server!.Receive(buffer, out int count);
                    got += count;
                    received += count;
                    network.Clock.Advance(TimeSpan.FromMilliseconds(50));
                    network.Stack.RunTimers();
                }
            }
        }
    }

    [Test]
    public void A_hundred_thousand_mutated_segments_do_no_harm()
    {
        const int Segments = 100_000;
        int seed = Random.Shared.Next();
        TestContext.Out.WriteLine($"seed {seed}");
        var random = new Random(seed);
        TcpScript script = TcpScript.Listening(backlog: 16);
        script.OpenAgain();
        string[] corpus =
        [
            "S 0:0 mss 1460 sackOK ts 1000 ws 7", "S. 0:0 ack 1 mss 1460", ". 1:1 ack 1", "P. 1:101 ack 1",
            ". 201:301 ack 1 sack 1-101", "F. 101:101 ack 1", "R 1:1", "R. 1:1 ack 1", "P. 1:1000 ack 11 ts 5",
            ". 1:1 ack 1 win 0", ". 1:1 ack 11 sack 21-31,41-51,61-71",
        ];
        long memory = 0;
        for (int i = 0; i < Segments; i++)
        {
            byte[] segment = script.Packet(corpus[random.Next(corpus.Length)], (ushort)random.Next(4000, 4050))[20..];
            Mutate(segment, random);
            script.Network.ReceivePacket(
                Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 6, segment));
            if (i % 100 == 99)
            {
                Use(script, random);
            }

            if (i == Segments / 5)
            {
                memory = GC.GetTotalMemory(forceFullCollection: true);
            }
        }

        Assert.That(script.Network.Stack.GetStatistics().TcpConnections, Is.LessThan(100));
        Assert.That(GC.GetTotalMemory(forceFullCollection: true) - memory, Is.LessThan(8 << 20));
        script.Wait(300_000);
        OpensOnceMore(script);
    }

    private static (TcpPair Pair, TcpProgram Client, TcpProgram Server) Exchange(
        Weather weather, int fromClient, int fromServer)
    {
        var pair = new TcpPair(weather);
        byte[] toServer = new byte[fromClient];
        byte[] toClient = new byte[fromServer];
        var random = new Random(weather.Seed);
        random.NextBytes(toServer);
        random.NextBytes(toClient);
        TcpSocket listener = pair.Server.OpenTcp();
        listener.Bind(TcpPair.ServerEnd);
        listener.Listen(4);
        TcpSocket socket = pair.Client.OpenTcp();
        socket.Connect(TcpPair.ServerEnd);
        var client = new TcpProgram(socket, toServer, weather.Seed);
        TcpProgram? server = null;
        TimeSpan end = pair.Clock.Now + s_longEnough;
        while (pair.Clock.Now < end && !(client.IsDone && server is { IsDone: true }))
        {
            if (server is null && listener.TryAccept(out TcpSocket? accepted) == TcpStatus.Ok)
            {
                server = new TcpProgram(accepted!, toClient, weather.Seed + 1);
            }

            client.Run();
            server?.Run();
            if (client.Failure != TcpStatus.Ok && (server is null || server.Failure != TcpStatus.Ok))
            {
                break;
            }

            pair.Step();
        }

        server ??= new TcpProgram(pair.Server.OpenTcp(), toClient, 0);
        Assert.That(server.Received, Is.EqualTo(toServer.Take(server.Received.Count)), $"{weather}");
        Assert.That(client.Received, Is.EqualTo(toClient.Take(client.Received.Count)), $"{weather}");
        Assert.That(server.HasEnd, Is.EqualTo(server.Received.Count == fromClient && server.HasEnd), $"{weather}");
        Assert.That(client.HasEnd, Is.EqualTo(client.Received.Count == fromServer && client.HasEnd), $"{weather}");
        return (pair, client, server);
    }

    private static void Mutate(byte[] segment, Random random)
    {
        for (int changes = random.Next(4); changes > 0; changes--)
        {
            // Not the ports, so that most of them reach a connection.
            int place = random.Next(4, Math.Min(segment.Length, 64));
            segment[place] = random.Next(3) switch
            {
                0 => (byte)random.Next(256),
                1 => (byte)(segment[place] ^ (1 << random.Next(8))),
                _ => (byte)(random.Next(2) * 255),
            };
        }

        segment.AsSpan(16, 2).Clear();
        if (random.Next(20) != 0)
        {
            byte[] summed = Frames.WithPseudoHeader(Network.NeighbourAddress, Network.OwnAddress, segment, 6);
            Frames.Big(Frames.Checksum(summed)).CopyTo(segment, 16);
        }
    }

    /// <summary>The program does something with its connections, and time passes.</summary>
    private static void Use(TcpScript script, Random random)
    {
        while (script.Listener.TryAccept(out TcpSocket? accepted) == TcpStatus.Ok)
        {
            accepted!.Send(new byte[random.Next(5000)], out _);
            accepted.Receive(new byte[random.Next(5000)], out _);
            accepted.Dispose();
        }

        script.Socket.Send(new byte[random.Next(100)], out _);
        script.Socket.Receive(new byte[1000], out _);
        if (script.Socket.State is TcpState.Closed or TcpState.TimeWait)
        {
            script.OpenAgain();
        }

        script.Wait(random.Next(3) == 0 ? 300 : 1);
        script.Forget();
    }

    private static void OpensOnceMore(TcpScript script)
    {
        TcpSocket socket = script.Network.Stack.OpenTcp();
        Assert.That(
            socket.Connect(new IpEndpoint(Network.OwnAddress, TcpScript.Port)), Is.EqualTo(TcpStatus.Ok));
        Assert.That(socket.State, Is.EqualTo(TcpState.Established));
    }
}
