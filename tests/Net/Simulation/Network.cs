using System;
using System.Linq;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>A stack on a simulated link, with simulated time and, where wanted, a router at the other end.</summary>
internal sealed class Network
{
    public static readonly IPv4Address OwnAddress = new(10, 0, 2, 15);
    public static readonly IPv4Address NeighbourAddress = new(10, 0, 2, 77);
    public static readonly MacAddress NeighbourHardware = MacAddress.Parse("52:54:00:00:00:77");

    public Network(int mtu = 1500)
    {
        Link = new SimulatedLink(mtu);
        Stack = new NetworkStack(Link, Clock, new Random(1));
        Router = new Router(this);

        // Called by the thread that holds the stack's lock, which may take it again.
        Link.ExpectedSource = () => Stack.Configuration?.Address;
    }

    public SimulatedClock Clock { get; } = new();

    public SimulatedLink Link { get; }

    public NetworkStack Stack { get; }

    public Router Router { get; }

    public static MacAddress OwnHardware => SimulatedLink.OwnAddress;

    /// <summary>A stack with an address, already announced, and a router that answers.</summary>
    public static Network WithRouter()
    {
        Network network = WithAddress();
        network.Link.Peer = network.Router.OnFrame;
        return network;
    }

    /// <summary>A stack with an address, already announced, and nobody at the other end.</summary>
    public static Network WithAddress()
    {
        var network = new Network();
        network.Stack.TrySetStatic(OwnAddress, 24, Router.Address);
        network.Link.Sent.Clear();
        return network;
    }

    /// <summary>A stack without an address, and a router with a DHCP server.</summary>
    public static Network WithDhcpServer()
    {
        var network = new Network();
        network.Link.Peer = network.Router.OnFrame;
        return network;
    }

    /// <summary>Delivers a frame at once.</summary>
    public void Receive(byte[] frame) => Stack.OnFrame(frame);

    /// <summary>Delivers a packet from the neighbour at once.</summary>
    public void ReceivePacket(byte[] packet, MacAddress? destination = null) =>
        Receive(Frames.Ethernet(destination ?? OwnHardware, NeighbourHardware, 0x0800, packet));

    /// <summary>Makes the neighbour known to the stack, by a request that it answers.</summary>
    public void IntroduceNeighbour()
    {
        Receive(Frames.Ethernet(
            MacAddress.Broadcast,
            NeighbourHardware,
            0x0806,
            Frames.Arp(1, NeighbourHardware, NeighbourAddress, default, OwnAddress)));
        Link.Sent.Clear();
    }

    /// <summary>The IPv4 packets sent so far, reassembled where they went in fragments.</summary>
    public byte[][] SentPackets() => Frames.Join(SentIPv4().Select(frame => frame[14..]));

    /// <summary>The frames sent so far that are ARP.</summary>
    public byte[][] SentArp() => Link.Sent.Where(frame => Frames.WordAt(frame, 12) == 0x0806).ToArray();

    /// <summary>The frames sent so far that are IPv4.</summary>
    public byte[][] SentIPv4() => Link.Sent.Where(frame => Frames.WordAt(frame, 12) == 0x0800).ToArray();

    public long Dropped(DropReason reason) => Stack.GetStatistics().Dropped(reason);
}
