using System;
using System.Collections.Concurrent;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using VirtioGuest.Net;

namespace VirtioGuest.Sockets.Tests;

/// <summary>Two machines with sockets and a cable between them. Their time runs faster than ours.</summary>
internal sealed class Cable : IDisposable
{
    private readonly BlockingCollection<(byte[] Frame, NetworkStack Far)> _frames = [];
    private readonly List<NetworkStack> _stacks = [];
    private readonly FastClock _clock;
    private readonly Thread _thread;
    private volatile bool _isOver;
    private volatile bool _isCut;

    /// <summary>Connects two machines.</summary>
    /// <param name="speed">How many times as fast as ours their time runs.</param>
    public Cable(int speed = 1)
    {
        _clock = new FastClock(speed);
        Here = NewMachine(1, out WireEnd here);
        There = NewMachine(2, out WireEnd there);
        here.Far = There.Stack;
        there.Far = Here.Stack;
        _thread = new Thread(Run) { IsBackground = true, Name = "cable" };
        _thread.Start();
    }

    /// <summary>10.9.0.1.</summary>
    public Machine Here { get; }

    /// <summary>10.9.0.2.</summary>
    public Machine There { get; }

    /// <summary>Whether nothing arrives at the moment.</summary>
    public bool IsCut
    {
        get => _isCut;
        set => _isCut = value;
    }

    /// <summary>Another link of a machine, which leads nowhere.</summary>
    public NetworkStack AddLink(Machine machine, IPv4Address address)
    {
        var link = new WireEnd(this, MacAddress.Parse("52:54:00:00:00:33"));
        NetworkStack stack = Watch(link);
        stack.TrySetStatic(address, 24, IPv4Address.Any);
        machine.System.Add("net1", stack);
        return stack;
    }

    public void Dispose()
    {
        _isOver = true;
        _thread.Join();
        _frames.Dispose();
    }

    private Machine NewMachine(byte number, out WireEnd link)
    {
        var loopback = Watch(new WireEnd(this, MacAddress.Parse("02:00:00:00:00:01")));
        link = new WireEnd(this, MacAddress.Parse($"52:54:00:00:00:0{number}"));
        NetworkStack stack = Watch(link);
        var address = new IPv4Address(10, 9, 0, number);
        stack.TrySetStatic(address, 24, IPv4Address.Any);
        var system = new SocketSystem(loopback);
        system.Add("net0", stack);
        return new Machine(system, stack, address);
    }

    private NetworkStack Watch(EthernetLink link)
    {
        var stack = new NetworkStack(link, _clock, new Random(_stacks.Count));
        lock (_stacks)
        {
            _stacks.Add(stack);
        }

        return stack;
    }

    private void Run()
    {
        while (!_isOver)
        {
            if (_frames.TryTake(out (byte[] Frame, NetworkStack Far) item, millisecondsTimeout: 1))
            {
                if (!_isCut)
                {
                    item.Far.OnFrame(item.Frame);
                }

                continue;
            }

            NetworkStack[] stacks;
            lock (_stacks)
            {
                stacks = [.. _stacks];
            }

            Array.ForEach(stacks, stack => stack.RunTimers());
        }
    }

    private sealed class WireEnd(Cable cable, MacAddress address) : EthernetLink
    {
        public NetworkStack? Far { get; set; }

        public override MacAddress Address => address;

        public override int Mtu => 1500;

        public override bool IsUp => true;

        public override bool TrySend(ReadOnlySpan<byte> frame)
        {
            if (Far is not null && !cable._isOver)
            {
                cable._frames.Add((frame.ToArray(), Far));
            }

            return true;
        }
    }

    private sealed class FastClock(int speed) : NetworkClock
    {
        private readonly long _start = Stopwatch.GetTimestamp();

        public override TimeSpan Now => TimeSpan.FromSeconds(1000) + (Stopwatch.GetElapsedTime(_start) * speed);

        public override void Wait(SemaphoreSlim signal, TimeSpan timeout) =>
            signal.Wait((int)Math.Ceiling(timeout.TotalMilliseconds / speed));
    }
}

/// <summary>A machine at one end of a cable.</summary>
internal sealed record Machine(SocketSystem System, NetworkStack Stack, IPv4Address Address)
{
    private const int Stream = 1;
    private const int Datagram = 2;

    /// <summary>A new socket of TCP.</summary>
    public GuestSocket OpenStream() => Open(Stream);

    /// <summary>A new socket of UDP.</summary>
    public GuestSocket OpenDatagram() => Open(Datagram);

    /// <summary>A place of this machine's.</summary>
    public IpEndpoint At(ushort port) => new(Address, port);

    /// <summary>A listener on a port of all addresses.</summary>
    public GuestSocket Listen(ushort port, int backlog = 16)
    {
        GuestSocket listener = OpenStream();
        listener.Bind(new IpEndpoint(IPv4Address.Any, port)).ShouldBe(SocketError.None);
        listener.Listen(backlog).ShouldBe(SocketError.None);
        return listener;
    }

    private GuestSocket Open(int type)
    {
        System.Open(SocketAddressBytes.InterNetwork, type, 0, out int descriptor).ShouldBe(SocketError.None);
        GuestSocket socket = System.Find(descriptor)!;

        // No test waits for ever.
        socket.ReceiveTimeout = SocketAssert.Patience;
        socket.SendTimeout = SocketAssert.Patience;
        return socket;
    }
}
