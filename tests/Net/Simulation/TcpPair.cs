using System;
using System.Collections.Generic;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>What a wire does to frames: chances in a thousand, drawn from a seed.</summary>
internal sealed record Weather(int Seed, int Lost, int Repeated, int Delayed, int Corrupted)
{
    public static Weather Fine { get; } = new(1, 0, 0, 0, 0);
}

/// <summary>Two stacks at the ends of a wire, in simulated time.</summary>
internal sealed class TcpPair
{
    public static readonly IpEndpoint ServerEnd = new(new IPv4Address(10, 9, 0, 2), 80);

    private readonly Random _random;
    private readonly Weather _weather;
    private int _onTheWay;

    public TcpPair(Weather weather)
    {
        _weather = weather;
        _random = new Random(weather.Seed);
        var clientLink = new WireEnd(this, MacAddress.Parse("52:54:00:00:00:01"));
        var serverLink = new WireEnd(this, MacAddress.Parse("52:54:00:00:00:02"));
        Client = new NetworkStack(clientLink, Clock, new Random(weather.Seed + 1));
        Server = new NetworkStack(serverLink, Clock, new Random(weather.Seed + 2));
        clientLink.Far = Server;
        serverLink.Far = Client;
        Client.TrySetStatic(new IPv4Address(10, 9, 0, 1), 24, IPv4Address.Any);
        Server.TrySetStatic(ServerEnd.IPv4, 24, IPv4Address.Any);
    }

    public SimulatedClock Clock { get; } = new();

    public NetworkStack Client { get; }

    public NetworkStack Server { get; }

    /// <summary>Lets time pass until something may have happened.</summary>
    public void Step()
    {
        TimeSpan client = Client.RunTimers();
        TimeSpan server = Server.RunTimers();
        TimeSpan wait = client < server ? client : server;
        TimeSpan most = TimeSpan.FromMilliseconds(_onTheWay > 0 ? 1 : 1000);
        Clock.Advance(wait < most ? wait : most);
    }

    private void Carry(byte[] frame, NetworkStack far)
    {
        if (Happens(_weather.Lost))
        {
            return;
        }

        if (Happens(_weather.Corrupted) && Frames.WordAt(frame, 12) == 0x0800)
        {
            // One byte, which every checksum shows. ARP has none, so it is spared.
            frame[_random.Next(14, 14 + Frames.WordAt(frame, 16))] ^= (byte)_random.Next(1, 256);
        }

        int copies = Happens(_weather.Repeated) ? 2 : 1;
        for (int i = 0; i < copies; i++)
        {
            double delay = 0.5 + (Happens(_weather.Delayed) ? _random.NextDouble() * 50 : 0);
            _onTheWay++;
            Clock.Schedule(TimeSpan.FromMilliseconds(delay), () =>
            {
                _onTheWay--;
                far.OnFrame(frame);
            });
        }
    }

    private bool Happens(int chance) => _random.Next(1000) < chance;

    private sealed class WireEnd(TcpPair pair, MacAddress address) : EthernetLink
    {
        public NetworkStack Far { get; set; } = null!;

        public override MacAddress Address => address;

        public override int Mtu => 1500;

        public override bool IsUp => true;

        public override bool TrySend(ReadOnlySpan<byte> frame)
        {
            pair.Carry(frame.ToArray(), Far);
            return true;
        }
    }
}

/// <summary>
/// A program at one end of a connection: sends bytes, ends its stream, and reads until the other's ends.
/// </summary>
internal sealed class TcpProgram
{
    private readonly byte[] _toSend;
    private readonly List<byte> _received = [];
    private readonly Random _random;
    private readonly byte[] _buffer = new byte[10_000];
    private int _sent;
    private bool _hasShut;
    private TcpStatus _failure;

    public TcpProgram(TcpSocket socket, byte[] toSend, int seed)
    {
        Socket = socket;
        _toSend = toSend;
        _random = new Random(seed);
    }

    public TcpSocket Socket { get; }

    public IReadOnlyList<byte> Received => _received;

    /// <summary>Whether the other's stream has come to its end, and all of ours was written.</summary>
    public bool IsDone => HasEnd && _hasShut;

    public bool HasEnd { get; private set; }

    /// <summary>Why the connection ended early; Ok while it has not.</summary>
    public TcpStatus Failure => _failure != TcpStatus.Ok ? _failure : Socket.Error;

    public override string ToString() =>
        $"{Socket.State} ({Socket.Error}): sent {_sent} of {_toSend.Length}, {Socket.Unacknowledged} not acknowledged, "
        + $"received {_received.Count}";

    /// <summary>Sends and reads what is possible, in pieces of any size.</summary>
    public void Run()
    {
        while (!_hasShut && Failure == TcpStatus.Ok)
        {
            int size = Math.Min(_random.Next(1, 5000), _toSend.Length - _sent);
            TcpStatus status = size == 0
                ? Socket.ShutdownSend()
                : Socket.Send(_toSend.AsSpan(_sent, size), out size);
            if (status != TcpStatus.Ok)
            {
                Note(status);
                break;
            }

            _hasShut = size == 0;
            _sent += size;
        }

        while (!HasEnd && Failure == TcpStatus.Ok)
        {
            int size = _random.Next(1, _buffer.Length);
            TcpStatus status = Socket.Receive(_buffer.AsSpan(0, size), out int count);
            if (status != TcpStatus.Ok)
            {
                Note(status);
                break;
            }

            HasEnd = count == 0;
            _received.AddRange(_buffer.AsSpan(0, count));
        }
    }

    private void Note(TcpStatus status) => _failure = status == TcpStatus.WouldBlock ? _failure : status;
}
